import { describe, expect, it } from 'vitest';
import { OUR_MISTAKE, WatchedUps } from '../helpers/watched-ups.ts';

describe('what people are told of a UPS', () => {
  it('is nothing while all is well', () => {
    expect(WatchedUps.onMains().notices).toEqual([]);
    expect(WatchedUps.onMains().says('OB DISCHRG', { times: 200 }).notices).toEqual([]);
  });

  it.each([
    ['OL RB', 'battery-replace'],
    ['OL CHRG LB', 'battery-low-on-mains'],
    ['OL DISCHRG', 'discharging-on-mains'],
    ['OL OVER', 'overload'],
    ['OL OFF', 'output-off'],
    ['OL FSD', 'fsd-latched'],
    ['FSD WAIT', 'fsd-latched'],
  ])('%s is %s once it has lasted three seconds', (status, code) => {
    const ups = new WatchedUps({ fsdOnMains: 'warn' });
    expect(ups.says(status, { times: 3 }).notices).toEqual([]);
    expect(ups.says(status).notices).toEqual([code]);
  });

  it.each(['OL', 'OL CHRG', 'OL CAL DISCHRG', 'OL BYPASS', 'OL TRIM', 'OL BOOST', 'OL ALARM', 'OL NEWS', 'OB LB'])(
    '%s is nothing that needs a notice',
    (status) => {
      expect(WatchedUps.onMains().says(status, { times: 10 }).notices).toEqual([]);
    },
  );

  it('is not what OL DISCHRG may mean where the configuration knows it', () => {
    const ups = WatchedUps.onMains({ onlineDischarge: 'on-battery' });
    expect(ups.says('OL DISCHRG', { times: 10 }).notices).toEqual([]);
  });

  it.each([undefined, 'N/A', '-3', '2147483648000'])(
    'is that no phase begins by a charge or runtime of %s',
    (value) => {
      const ups = new WatchedUps().says('OL', { times: 4, 'battery.charge': value, 'battery.runtime': value });
      expect(ups.notices).toEqual(['no-charge', 'no-runtime']);
      for (const { text } of ups.verdict.notices) expect(text).toMatch(/^(the UPS|battery\.).*: no phase begins by/);
    },
  );

  it('is that a full battery of no runtime is one that nobody measures', () => {
    expect(new WatchedUps().says('OL', { times: 4, 'battery.runtime': '0' }).notices).toEqual(['no-runtime']);
    expect(new WatchedUps().says('OB', { times: 4, 'battery.runtime': '0', 'battery.charge': '9' }).notices).toEqual(
      [],
    );
  });

  it('is that it does not answer, after a minute of asking', () => {
    const ups = WatchedUps.onMains();
    expect(ups.silent(59).notices).toEqual([]);
    expect(ups.silent(1).verdict.notices).toEqual([
      { code: 'ups-silent', text: 'NUT server 10.0.0.5:3493: ERR DATA-STALE' },
    ]);
  });

  it('is that its answers say nothing of the mains', () => {
    const ups = WatchedUps.onMains();
    expect(ups.says('WAIT', { times: 59 }).notices).toEqual([]);
    expect(ups.says('WAIT').verdict.notices).toEqual([
      { code: 'ups-silent', text: 'the UPS says "WAIT", which tells nothing of the mains' },
    ]);
  });

  it('is no silence that nobody has listened to', () => {
    expect(WatchedUps.onMains().away(3_600, null).notices).toEqual([]);
  });

  it('is a mistake in the configuration at once', () => {
    expect(new WatchedUps().silent(1, OUR_MISTAKE).verdict.notices).toEqual([
      { code: 'ups-config', text: OUR_MISTAKE.text },
    ]);
    expect(WatchedUps.onMains().silent(1, OUR_MISTAKE).notices).toEqual(['ups-config']);
  });

  it('is told once of a word that comes and goes, and is over when it was gone for a minute', () => {
    const ups = WatchedUps.onMains().says('OL OVER', { times: 10 });
    for (let flicker = 0; flicker < 20; flicker += 1) {
      ups.says('OL', { times: 30 });
      expect(ups.notices).toEqual(['overload']);
      ups.says('OL OVER');
    }
    expect(ups.says('OL', { times: 59 }).notices).toEqual(['overload']);
    expect(ups.says('OL').notices).toEqual([]);
  });

  it('is nothing of a word that is said for a moment', () => {
    const ups = WatchedUps.onMains();
    for (let flicker = 0; flicker < 20; flicker += 1) {
      expect(ups.says('OL OVER').says('OL', { times: 5 }).notices).toEqual([]);
    }
  });

  it('is not taken back by a UPS that says nothing', () => {
    const ups = WatchedUps.onMains().says('OL RB', { times: 5 });
    expect(ups.silent(300).notices).toEqual(['battery-replace', 'ups-silent']);
    expect(ups.says('OL RB').silent(300, OUR_MISTAKE).notices).toContain('battery-replace');
    expect(ups.says('OL', { times: 61 }).notices).toEqual([]);
  });
});
