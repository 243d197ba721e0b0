import { describe, expect, it } from 'vitest';
import { validateConfig } from '../../config/validate.ts';

const cluster = {
  name: 'homelab',
  api: { token: { env: 'T' }, caFile: 'ca.pem' },
  ssh: { privateKey: { env: 'K' }, knownHosts: 'known_hosts' },
  nodes: [{ name: 'pve1', address: '10.0.0.1' }],
};
const mail = { host: 'smtp.example.org', from: 'caretaker@example.org', to: ['admin@example.org'] };

function check(changes: object) {
  const checked = validateConfig({ cluster, mail: { ...mail, ...changes } });
  return 'problems' in checked ? checked.problems.map(({ field, message }) => `${field} ${message}`) : checked.config;
}

describe('the mail section', () => {
  it('may be left out', () => {
    const checked = validateConfig({ cluster });
    expect('config' in checked && checked.config.mail).toBeUndefined();
  });

  it('is encrypted unless it says otherwise', () => {
    expect(check({})).toMatchObject({ mail: { ...mail, security: 'starttls' } });
  });

  it('refuses addresses that are none, each by its place', () => {
    expect(check({ from: 'Caretaker <a@b.example>', to: ['admin@example.org', 'x@y\nBcc: z@evil.example'] })).toEqual([
      'mail.from is not a mail address',
      'mail.to[1] is not a mail address',
    ]);
    expect(check({ to: [] })).toEqual(['mail.to must be at least 1 entry']);
  });

  it('refuses a password that stands in the file, and repeats no part of it', () => {
    const problems = check({ user: 'caretaker', password: 'hunter2' });
    expect(problems).toEqual(['mail.password is a secret written into the configuration file']);
  });

  it('wants a login whole', () => {
    expect(check({ user: 'caretaker' })).toEqual(['mail.password is missing']);
    expect(check({ password: { env: 'P' } })).toEqual(['mail.user is missing']);
  });

  it('sends no password in clear text over a network', () => {
    const login = { user: 'caretaker', password: { env: 'P' }, security: 'none' };
    expect(check(login)).toEqual(['mail.security would send the password in clear text']);
    expect(check({ ...login, host: '127.0.0.1' })).toHaveProperty('mail');
  });
});
