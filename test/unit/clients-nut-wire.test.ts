import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../clients/nut/errors.ts';
import { joinWords, LineReader, splitWords } from '../../clients/nut/wire.ts';

/** What a line can hold: anything but control characters. */
const word = fc.string({ unit: 'binary' }).filter((text) => joinWords([text]) !== undefined);

describe('words of a line', () => {
  it('are what they were, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(word), (words) => {
        expect(splitWords(joinWords(words) ?? '')).toEqual(words);
      }),
    );
  });

  it('never make a second line or a second word of one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = joinWords(['SET', 'VAR', 'ups', 'ups.id', text]);
        expect(line?.includes('\n')).not.toBe(true);
        expect(line === undefined ? 5 : splitWords(line)?.length).toBe(5);
      }),
    );
  });

  it.each([
    ['VAR ups battery.charge "100"', ['VAR', 'ups', 'battery.charge', '100']],
    ['VAR  ups\tups.id ""', ['VAR', 'ups', 'ups.id', '']],
    [String.raw`UPS ups "the \"big\" one \\ \#2"`, ['UPS', 'ups', String.raw`the "big" one \ #2`]],
    ['OK', ['OK']],
    ['', []],
    ['VAR ups ups.id "open', undefined],
    ['VAR ups ups.id open\\', undefined],
    ['VAR ups ups.id "open\\"', undefined],
  ])('of %s', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  it.each(['two\nlines', 'two\r\nlines', 'a\0b', 'a\x7fb'])('cannot hold %j', (text) => {
    expect(joinWords(['PASSWORD', text])).toBeUndefined();
  });
});

describe('lines out of segments', () => {
  const text = 'BEGIN LIST VAR ups\nVAR ups ups.id "Ä €"\r\nEND LIST VAR ups\n';
  const lines = ['BEGIN LIST VAR ups', 'VAR ups ups.id "Ä €"', 'END LIST VAR ups'];

  it('are the same wherever the segments end, in the middle of a letter too', () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const reader = new LineReader(100);
        const ends = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const found = ends.slice(1).flatMap((end, index) => reader.push(bytes.subarray(ends[index], end)) ?? []);
        expect(found).toEqual(lines);
        expect(reader.midLine).toBe(false);
      }),
    );
  });

  it('come byte by byte', () => {
    const reader = new LineReader(100);
    expect([...Buffer.from(text)].flatMap((byte) => reader.push(Buffer.of(byte)))).toEqual(lines);
  });

  it('are refused when one is too long, before and after its end has come', () => {
    expect(new LineReader(10).push(Buffer.from('x'.repeat(11)))).toBeUndefined();
    expect(new LineReader(10).push(Buffer.from(`${'x'.repeat(11)}\n`))).toBeUndefined();
    expect(new LineReader(10).push(Buffer.from(`${'x'.repeat(10)}\n`))).toEqual(['x'.repeat(10)]);
    const reader = new LineReader(10);
    expect(reader.push(Buffer.from('x'.repeat(10)))).toEqual([]);
    expect(reader.push(Buffer.from('x'))).toBeUndefined();
  });
});

describe('an error of the server', () => {
  const read = (words: string) => errorFromAnswer('192.0.2.1:3493', 'LIST VAR', words.split(' '));

  it.each([
    ['DATA-STALE', 'NutDataStale', 'comms', 'retryable'],
    ['DRIVER-NOT-CONNECTED', 'NutDriverNotConnected', 'comms', 'retryable'],
    ['INSTCMD-FAILED', 'NutCommandFailed', 'comms', 'retryable'],
    ['SET-FAILED', 'NutCommandFailed', 'comms', 'retryable'],
    ['ALREADY-LOGGED-IN', 'NutUnexpectedAnswer', 'comms', 'retryable'],
    ['ALREADY-SET-USERNAME', 'NutUnexpectedAnswer', 'comms', 'retryable'],
    ['ALREADY-SET-PASSWORD', 'NutUnexpectedAnswer', 'comms', 'retryable'],
    ['ALREADY-SSL-MODE', 'NutUnexpectedAnswer', 'comms', 'retryable'],
    ['UNKNOWN-UPS', 'NutUnknownUps', 'config', 'refused'],
    ['ACCESS-DENIED', 'NutAccessDenied', 'config', 'refused'],
    ['INVALID-USERNAME', 'NutAccessDenied', 'config', 'refused'],
    ['INVALID-PASSWORD', 'NutAccessDenied', 'config', 'refused'],
    ['USERNAME-REQUIRED', 'NutAccessDenied', 'config', 'refused'],
    ['PASSWORD-REQUIRED', 'NutAccessDenied', 'config', 'refused'],
    ['INVALID-ARGUMENT', 'NutArgument', 'config', 'refused'],
    ['INVALID-VALUE', 'NutArgument', 'config', 'refused'],
    ['TOO-LONG', 'NutArgument', 'config', 'refused'],
    ['UNKNOWN-COMMAND', 'NutNotSupported', 'optional', 'refused'],
    ['VAR-NOT-SUPPORTED', 'NutNotSupported', 'optional', 'refused'],
    ['CMD-NOT-SUPPORTED', 'NutNotSupported', 'optional', 'refused'],
    ['READONLY', 'NutNotSupported', 'optional', 'refused'],
    ['FEATURE-NOT-SUPPORTED', 'NutNotSupported', 'optional', 'refused'],
    ['FEATURE-NOT-CONFIGURED', 'NutNotSupported', 'optional', 'refused'],
  ])('%s is %s: %s, %s', (code, type, sort, outcome) => {
    expect(read(`ERR ${code}`)).toMatchObject({ type, class: sort, outcome, words: `ERR ${code}` });
  });

  it.each(['ERR SOLAR-FLARE', 'ERR', 'ERR constructor', 'ERR __proto__'])(
    '%s, which nobody knows yet, is one of the connection',
    (words) => {
      expect(read(words)).toMatchObject({ type: 'NutUnknownError', class: 'comms', outcome: 'retryable', words });
    },
  );

  it('says what happened and what to do, and no more of the server than fits', () => {
    expect(read('ERR DATA-STALE').message).toBe(
      'NUT server 192.0.2.1:3493: ERR DATA-STALE to LIST VAR. The driver gets nothing from the UPS: ' +
        'look at its cable and at the driver.',
    );
    const error = read(`ERR \u001b[2J${'x'.repeat(5_000)}`);
    expect(error.message).toContain('ERR ?[2Jxxx');
    expect(error.message.length).toBeLessThan(300);
  });
});
