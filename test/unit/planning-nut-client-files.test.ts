import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseNutClient } from '../../activities/nut-client/read.ts';
import type { FoundNutClient } from '../../domain/nut-client.ts';
import {
  canBeSent,
  MARK,
  NUT_CLIENT_PATHS,
  nutClientFiles,
  reasonsNotToProvision,
  upsAddress,
  UPSMON_CONF,
  whyNotProtected,
} from '../../planning/nut-client-files.ts';
import { theMonitor } from '../helpers/builders.ts';

function aClient(changes: Partial<FoundNutClient> = {}): FoundNutClient {
  return {
    version: '2.8.0-7',
    mode: 'netclient',
    files: {},
    kept: [],
    active: true,
    enabled: true,
    pending: false,
    logThere: true,
    addresses: ['192.168.10.230', 'fd00::230'],
    ups: { status: 'OL' },
    trouble: '',
    ...changes,
  };
}

const foreign = { sha256: '', mode: '640', owner: 'root:nut', ours: false };

it('every file bears our mark in its first two lines, and only one holds the password', () => {
  const files = nutClientFiles(theMonitor, 'pve1', 'se-cret');
  expect(files.map(({ path }) => path)).toEqual(NUT_CLIENT_PATHS);
  for (const { path, content } of files) {
    expect(content.split('\n').slice(0, 2).join('\n'), path).toContain(MARK);
    expect(content.includes('se-cret'), path).toBe(path === UPSMON_CONF);
    expect(content.endsWith('\n'), path).toBe(true);
  }
  expect(files.find(({ path }) => path === UPSMON_CONF)).toMatchObject({ mode: '640', owner: 'root:nut' });
});

it('upsmon.conf is that of a secondary, with times of the configuration and every event passed on', () => {
  const text = nutClientFiles(theMonitor, 'pve1', 'pw').find(({ path }) => path === UPSMON_CONF)?.content ?? '';
  expect(text).toContain('\nMONITOR ups@192.168.10.164:3493 1 "nodes" "pw" secondary\n');
  for (const line of ['POLLFREQ 5', 'POLLFREQALERT 1', 'DEADTIME 120', 'HOSTSYNC 15', 'MINSUPPLIES 1']) {
    expect(text.split('\n')).toContain(line);
  }
  for (const event of ['ONLINE', 'ONBATT', 'LOWBATT', 'FSD', 'COMMOK', 'COMMBAD', 'SHUTDOWN', 'NOCOMM', 'REPLBATT']) {
    expect(text.split('\n')).toContain(`NOTIFYFLAG ${event} SYSLOG+EXEC`);
  }
});

it('a password of any signs that upsmon can send stands in one word of its line', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[!$-<>-[\]-~]{1,40}$/), (password) => {
      expect(canBeSent(password)).toBe(true);
      const text = nutClientFiles(theMonitor, 'pve1', password).find(({ path }) => path === UPSMON_CONF)?.content ?? '';
      const line = text.split('\n').find((each) => each.startsWith('MONITOR ')) ?? '';
      expect(line).toBe(`MONITOR ups@192.168.10.164:3493 1 "nodes" "${password}" secondary`);
    }),
  );
});

it.each(['', 'two words', 'a=b', 'a#b', 'a"b', 'a\\b', 'pässword', 'a\nb', 'a\u0000b'])(
  'the password %j cannot be sent by upsmon',
  (password) => {
    expect(canBeSent(password)).toBe(false);
  },
);

it('an IPv6 address of the NUT server is put in brackets', () => {
  expect(upsAddress({ ...theMonitor, host: 'fd00::164' })).toBe('ups@[fd00::164]:3493');
});

it.each([
  ['netserver', foreign, ['MODE=netserver']],
  ['standalone', foreign, ['MODE=standalone']],
  ['none', foreign, []],
  ['netclient', foreign, []],
])('a machine with MODE=%s in a foreign nut.conf is refused: %#', (mode, file, expected) => {
  const reasons = reasonsNotToProvision(aClient({ mode, files: { '/etc/nut/nut.conf': file } }));
  expect(reasons).toHaveLength(expected.length);
  for (const [index, words] of expected.entries()) expect(reasons[index]).toContain(words);
});

it.each([
  ['2.7.4-13', 1],
  ['2.8.0-7', 0],
  ['2.8.1-5', 0],
  ['1:2.7.4-1', 1],
  ['3.0.0-1', 0],
])('NUT %s is too old to be told our words: %i', (version, amount) => {
  expect(reasonsNotToProvision(aClient({ version }))).toHaveLength(amount);
});

it('a foreign file over an original that is still kept is refused, for one of them would be lost', () => {
  const files = { [UPSMON_CONF]: foreign };
  expect(reasonsNotToProvision(aClient({ files }))).toEqual([]);
  expect(reasonsNotToProvision(aClient({ files, kept: [UPSMON_CONF] }))).toEqual([
    expect.stringContaining(`somebody has replaced ${UPSMON_CONF}`),
  ]);
  const ours = { [UPSMON_CONF]: { ...foreign, ours: true } };
  expect(reasonsNotToProvision(aClient({ files: ours, kept: [UPSMON_CONF] }))).toEqual([]);
});

it('a node is protected when upsmon runs, upsc answers, and the server lists one of its addresses', () => {
  const why = (changes: Partial<FoundNutClient>, clients: readonly string[]) =>
    whyNotProtected(aClient(changes), clients, theMonitor);
  expect(why({}, ['127.0.0.1', '192.168.10.230'])).toBeNull();
  expect(why({}, ['::ffff:192.168.10.230'])).toBeNull();
  expect(why({}, ['fd00::230'])).toBeNull();
  expect(why({}, ['192.168.10.232'])).toContain('does not list it among its clients (192.168.10.232)');
  expect(why({ trouble: 'Login on UPS failed' }, [])).toContain('(none); upsmon says: Login on UPS failed');
  expect(why({ active: false }, ['192.168.10.230'])).toBe('nut-monitor does not run');
  expect(why({ ups: { unknown: 'Error: Data stale' } }, ['192.168.10.230'])).toContain('Error: Data stale');
});

it('what a node tells of its client is read, and what it does not tell counts as not there', () => {
  const sum = 'a'.repeat(64);
  const parts = [
    ['package', 'installed 2.8.0-7', 0],
    ['mode', 'none\n"netclient"', 0],
    ['files', `kept /etc/nut/nut.conf\n${sum} 640 root:nut yes /etc/nut/nut.conf`, 0],
    ['active', 'active', 0],
    ['enabled', 'disabled', 1],
    ['pending', '', 1],
    ['log', '', 0],
    ['addresses', '192.168.10.230 fd00::230 ', 0],
    ['ups', 'Init SSL without certificate database\nOB DISCHRG', 0],
    ['trouble', '', 0],
  ] as const;
  const output = parts.map(([name, text, code]) => `=${name}\n${text}\n=rc ${code}\n`).join('');
  expect(parseNutClient(output)).toEqual(
    aClient({
      files: { '/etc/nut/nut.conf': { sha256: sum, mode: '640', owner: 'root:nut', ours: true } },
      kept: ['/etc/nut/nut.conf'],
      enabled: false,
      ups: { status: 'OB DISCHRG' },
    }),
  );
  expect(parseNutClient('')).toMatchObject({
    version: null,
    mode: null,
    active: false,
    pending: false,
    ups: { unknown: 'it printed nothing' },
  });
  const removed = output.replace('installed 2.8.0-7', 'config-files 2.8.0-7').replace('OB DISCHRG\n=rc 0', '\n=rc 124');
  expect(parseNutClient(removed)).toMatchObject({ version: null, ups: { unknown: 'it got no answer in 10 seconds' } });
});
