import { describe, expect, it } from 'vitest';
import { parseAptFailure, parseLockHolder } from '../../clients/remote-job/index.ts';

describe('why an apt-get run failed, read from its log', () => {
  it('is the package whose script failed, not what depends on it nor the words of apt about it', () => {
    const log = `Setting up bad (2) ...
dpkg: error processing package bad (--configure):
 installed bad package post-installation script subprocess returned error exit status 1
dpkg: dependency problems prevent configuration of needs-bad:
 needs-bad depends on bad (>= 2); however:
  Package bad is not configured yet.

dpkg: error processing package needs-bad (--configure):
 dependency problems - leaving unconfigured
Errors were encountered while processing:
 bad
 needs-bad
E: Sub-process /usr/bin/dpkg returned an error code (1)
`;
    expect(parseAptFailure(log)).toBe(
      'bad: installed bad package post-installation script subprocess returned error exit status 1',
    );
  });

  it('is the dependency where there is no other reason', () => {
    const log = 'dpkg: error processing package a (--configure):\n dependency problems - leaving unconfigured\n';
    expect(parseAptFailure(log)).toBe('a: dependency problems - leaving unconfigured');
  });

  it.each([
    [
      'the answer of a repository',
      `Err:3 http://198.18.0.1 ./ Packages
  401  Unauthorized [IP: 198.18.0.1 80]
Reading package lists...
E: Failed to fetch http://198.18.0.1/./Packages  401  Unauthorized [IP: 198.18.0.1 80]
E: Some index files failed to download. They have been ignored, or old ones used instead.
`,
      'E: Failed to fetch http://198.18.0.1/./Packages 401 Unauthorized [IP: 198.18.0.1 80]',
    ],
    [
      'the answer of a repository before what follows from it',
      "E: Failed to fetch https://a/InRelease  401  Unauthorized\nE: The repository 'https://a' is not signed.\n",
      'E: Failed to fetch https://a/InRelease 401 Unauthorized',
    ],
    [
      'the holder of a lock',
      `E: Could not get lock /var/lib/apt/lists/lock. It is held by process 148 (perl)
E: Unable to lock directory /var/lib/apt/lists/
`,
      'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 148 (perl)',
    ],
    [
      'who holds the lock that never came, as told in the wait for it',
      `Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 138 (unattended-upgr)...
E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?
`,
      'E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), which is held by process 138 (unattended-upgr)',
    ],
    ['the last line where nothing is marked as an error', 'one\ntwo\n\n', 'two'],
  ])('is %s', (_, log, reason) => {
    expect(parseAptFailure(log)).toBe(reason);
  });

  it('is unknown for an empty log', () => {
    expect(parseAptFailure('\n')).toBeUndefined();
  });
});

describe('who holds the lock that apt-get waits for', () => {
  const waiting =
    'Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt)...';

  it('is read from the end of the log', () => {
    expect(parseLockHolder(`Reading package lists...\n${waiting}\r${waiting} 4s\r`)).toBe('process 7 (apt)');
    expect(
      parseLockHolder(
        'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 148 (perl)\nE: Unable to lock directory /var/lib/apt/lists/\n',
      ),
    ).toBe('process 148 (perl)');
  });

  it('is nobody once it has gone on', () => {
    expect(parseLockHolder(`${waiting}\nReading package lists...\nBuilding dependency tree...\n`)).toBeUndefined();
  });
});
