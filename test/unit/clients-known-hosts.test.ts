import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compareHostKey, knownKeys, withHostKey } from '../../clients/ssh/index.ts';

const AT = { host: '10.0.0.2', port: 22 };
const key = (blob: string): { keyType: string; fingerprint: string; blob: string } => {
  return { keyType: 'ssh-ed25519', fingerprint: `SHA256:${blob}`, blob };
};
const hashed = (name: string): string => {
  const salt = Buffer.from('salt');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};

describe('the file of known hosts', () => {
  it('gets one key for a host and keeps every other line as it is', () => {
    const others =
      '# note\n\n10.0.0.20 ssh-rsa AAA=\n[10.0.0.2]:2222 ssh-ed25519 BBB=\n@revoked 10.0.0.2 ssh-rsa CCC=\n';
    const first = withHostKey(others, AT, key('DDD='));
    expect(first).toBe(`${others}10.0.0.2 ssh-ed25519 DDD=\n`);
    expect(withHostKey(first, AT, key('EEE='))).toBe(`${others}10.0.0.2 ssh-ed25519 EEE=\n`);
    expect(withHostKey('a ssh-rsa AAA=', AT, key('DDD='))).toBe('a ssh-rsa AAA=\n10.0.0.2 ssh-ed25519 DDD=\n');
    expect(withHostKey('', { ...AT, port: 2222 }, key('DDD='))).toBe('[10.0.0.2]:2222 ssh-ed25519 DDD=\n');
  });

  it('gets it in the place of a hashed name', () => {
    const text = `${hashed('10.0.0.9')} ssh-rsa AAA=\n${hashed('10.0.0.2')} ssh-rsa BBB=\n`;
    const changed = withHostKey(text, AT, key('DDD='));
    expect(changed).toBe(`${hashed('10.0.0.9')} ssh-rsa AAA=\n10.0.0.2 ssh-ed25519 DDD=\n`);
    expect(knownKeys(changed, '10.0.0.2', 22)).toHaveLength(1);
  });

  it('is not touched where a line names other hosts as well', () => {
    for (const names of ['10.0.0.2,web', '10.0.0.*']) {
      expect(() => withHostKey(`${names} ssh-rsa AAA=\n`, AT, key('DDD='))).toThrow(
        `names 10.0.0.2 together with other hosts. Change it by hand: ${names}`,
      );
    }
  });

  it('tells a new key, a known one, another one and a revoked one apart', () => {
    const state = (text: string): string => compareHostKey(text, AT, key('AAA=')).state;
    expect(state('')).toBe('new');
    expect(state('10.0.0.3 ssh-ed25519 BBB=\n')).toBe('new');
    expect(state('10.0.0.2 ssh-rsa BBB=\n10.0.0.2 ssh-ed25519 AAA=\n')).toBe('unchanged');
    expect(state('10.0.0.2 ssh-rsa BBB=\n')).toBe('changed');
    expect(state('@revoked 10.0.0.2 ssh-ed25519 AAA=\n10.0.0.2 ssh-ed25519 AAA=\n')).toBe('revoked');
    expect(state('@revoked * ssh-ed25519 AAA=\n')).toBe('revoked');
  });
});
