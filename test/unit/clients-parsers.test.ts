import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUpid } from '../../clients/proxmox/index.ts';
import { count, flag, names, optionalFlag, properties } from '../../clients/proxmox/wire.ts';
import { parseAptProgress, parseUpgradedPackages } from '../../clients/remote-job/index.ts';
import { parseReply, wholeCharacters } from '../../clients/remote-job/reply.ts';
import { knownKeys, normalizeFingerprint } from '../../clients/ssh/host-keys.ts';
import { BoundedOutput } from '../../clients/ssh/output.ts';

const aptLog = `Reading package lists...
2 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
Preparing to unpack .../libc6_2.41-2_amd64.deb ...
Unpacking libc6:amd64 (2.41-2) over (2.41-1) ...
Unpacking pve-manager (9.2.11) over (9.2.10) ...
Selecting previously unselected package proxmox-kernel-6.14.11-4-pve-signed.
Unpacking proxmox-kernel-6.14.11-4-pve-signed (6.14.11-4) ...
Setting up libc6:amd64 (2.41-2) ...
\u001b[33mSetting up pve-manager (9.2.11) ...\u001b[0m
`;

describe('the progress of apt', () => {
  it('counts packages set up of those announced and names the current one', () => {
    expect(parseAptProgress(aptLog)).toEqual({ total: 3, done: 2, current: 'pve-manager' });
    expect(parseAptProgress('')).toEqual({ total: 0, done: 0, current: undefined });
  });

  it('does not lose its place in a log cut anywhere', () => {
    fc.assert(
      fc.property(fc.nat(aptLog.length), (cut) => {
        const { total, done } = parseAptProgress(aptLog.slice(0, cut));
        expect(total === 0 ? done === 0 : done <= total).toBe(true);
      }),
    );
  });

  it('lists upgraded packages with the versions they replaced', () => {
    expect(parseUpgradedPackages(`${aptLog}Setting up proxmox-kernel-6.14.11-4-pve-signed (6.14.11-4) ...\n`)).toEqual([
      { name: 'libc6', from: '2.41-1', to: '2.41-2' },
      { name: 'pve-manager', from: '9.2.10', to: '9.2.11' },
      { name: 'proxmox-kernel-6.14.11-4-pve-signed', from: undefined, to: '6.14.11-4' },
    ]);
  });
});

describe('task ids', () => {
  it('takes any task id apart', () => {
    const hex = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(
        hex(0xffff_ffff),
        hex(0xf_ffff_ffff),
        hex(0xffff_ffff),
        fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/),
        fc.constantFrom('qmigrate', 'aptupdate', 'bulk-start'),
        fc.constantFrom('', '100', 'vm-101'),
        fc.constantFrom('root@pam', 'caretaker@pve!lab'),
        (pid, pstart, startTime, node, type, id, user) => {
          const digits = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
          const upid = `UPID:${node}:${digits(pid)}:${digits(pstart)}:${digits(startTime)}:${type}:${id}:${user}:`;
          expect(parseUpid(upid)).toEqual({ upid, node, pid, pstart, startTime, type, id, user });
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([
    '',
    'UPID:',
    'UPID:pve1:1:2:3:qmstart:100:root@pam:',
    'UPID:pve1:00000001:00000001:00000001:qmstart:100:root@pam',
  ])('takes %j for none', (text) => expect(parseUpid(text)).toBeUndefined());
});

describe('wire values', () => {
  it('reads booleans and numbers in all their forms', () => {
    expect([1, '1', true, 0, '0', false, undefined].map(flag)).toEqual([true, true, true, false, false, false, false]);
    expect(optionalFlag(undefined)).toBeUndefined();
    expect([3, '3.5', '', 'x', null].map(count)).toEqual([3, 3.5, undefined, undefined, undefined]);
  });

  it('reads lists of names and property strings', () => {
    expect([names('a,b;c d'), names(['a']), names({ a: 1 }), names(undefined)]).toEqual([
      ['a', 'b', 'c', 'd'],
      ['a'],
      ['a'],
      [],
    ]);
    expect(properties('1,order=2,up=30')).toEqual(
      new Map([
        ['', '1'],
        ['order', '2'],
        ['up', '30'],
      ]),
    );
  });
});

describe('known_hosts', () => {
  const file = `# comment

pve1,192.0.2.1 ssh-ed25519 AAAA1
*.lab.example,!bad.lab.example ssh-rsa AAAA2
[pve1]:2222 ssh-ed25519 AAAA3
@cert-authority * ssh-rsa AAAA4
@revoked * ssh-ed25519 AAAA5
broken
`;

  it('finds the keys of a host by name, address, pattern and port', () => {
    const trusted = (host: string, port = 22) =>
      knownKeys(file, host, port).flatMap((key) => (key.marker === undefined ? [key.blob] : []));
    expect(trusted('pve1')).toEqual(['AAAA1']);
    expect(trusted('PVE1')).toEqual(['AAAA1']);
    expect(trusted('192.0.2.1')).toEqual(['AAAA1']);
    expect(trusted('pve1', 2222)).toEqual(['AAAA3']);
    expect(trusted('web.lab.example')).toEqual(['AAAA2']);
    expect(trusted('bad.lab.example')).toEqual([]);
    expect(trusted('lab-example')).toEqual([]);
  });

  it('marks revoked keys', () => {
    expect(knownKeys(file, 'other', 22)).toEqual([{ marker: 'revoked', keyType: 'ssh-ed25519', blob: 'AAAA5' }]);
  });

  it('refuses a fingerprint of another form', () => {
    expect(() => normalizeFingerprint('MD5:aa:bb')).toThrow(/SHA256/);
    expect(normalizeFingerprint(`${'A'.repeat(43)}=`)).toBe(`SHA256:${'A'.repeat(43)}`);
  });
});

describe('bounded output', () => {
  it('keeps all of what fits and head and tail of what does not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme-ascii' }), { maxLength: 50 }),
        fc.integer({ min: 2, max: 200 }),
        (chunks, bound) => {
          const output = new BoundedOutput(bound);
          for (const chunk of chunks) output.push(Buffer.from(chunk, 'latin1'));
          const whole = chunks.join('');
          const half = Math.floor(bound / 2);
          const text = output.text('latin1');
          if (whole.length <= 2 * half) expect([text, output.truncated]).toEqual([whole, false]);
          else {
            expect(text).toBe(
              `${whole.slice(0, half)}\n[${whole.length - 2 * half} bytes left out]\n${whole.slice(-half)}`,
            );
            expect(output.truncated).toBe(true);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('the reply of a job script', () => {
  it('is taken only from a whole reply', () => {
    const whole = 'caretaker-job\nstate=finished\nrc=3\nboot=b\nsize=4\nmessage=\n--\n\u00c3\u00bc--';
    expect(parseReply(whole)).toMatchObject({ state: 'finished', exitCode: 3, bootId: 'b', logSize: 4 });
    expect(parseReply(whole)?.log.toString('utf8')).toBe('ü--');
    expect(parseReply('Welcome!\n')).toBeUndefined();
    expect(parseReply(whole.slice(0, 40))).toBeUndefined();
    expect(parseReply(whole.replace('finished', 'else'))).toBeUndefined();
  });

  it('cuts no character in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, at) => {
        const bytes = Buffer.from(text);
        const cut = bytes.length === 0 ? 0 : at % (bytes.length + 1);
        const whole = wholeCharacters(bytes.subarray(0, cut));
        const first = bytes.subarray(0, whole).toString('utf8');
        expect(first + bytes.subarray(whole).toString('utf8')).toBe(text);
        expect(cut - whole).toBeLessThan(4);
      }),
      { numRuns: 1_000 },
    );
  });
});
