import { describe, expect, it } from 'vitest';
import { AccessControl, AUDITOR_ROLE, OPERATOR_ROLE } from '../../lab/api/access.ts';
import { ManualClock } from '../../lab/core/clock.ts';

function logins() {
  const clock = new ManualClock();
  return { clock, access: new AccessControl(clock, 'key', new Map([['root@pam', 'secret']])) };
}

function cookieOf(ticket: string): string {
  return `PVEAuthCookie=${encodeURIComponent(ticket)}`;
}

describe('a ticket', () => {
  it('is good for two hours to the second', async () => {
    const { clock, access } = logins();
    const { ticket } = access.login('root@pam', 'secret');
    await clock.advance(7_199_000);
    expect(access.identify({ cookie: cookieOf(ticket) }, false)).toEqual({ user: 'root@pam', token: undefined });
    await clock.advance(1_000);
    expect(() => access.identify({ cookie: cookieOf(ticket) }, false)).toThrow('Authentication failed!');
  });

  it('renews itself while it is good and not after', async () => {
    const { clock, access } = logins();
    const first = access.login('root@pam', 'secret');
    await clock.advance(7_000_000);
    const second = access.login('root@pam', first.ticket);
    await clock.advance(7_000_000);
    expect(access.identify({ cookie: cookieOf(second.ticket) }, false).user).toBe('root@pam');
    expect(() => access.login('root@pam', first.ticket)).toThrow('authentication failure');
  });

  it('of another cluster is worth nothing', () => {
    const { access, clock } = logins();
    const other = new AccessControl(clock, 'other key', new Map([['root@pam', 'secret']]));
    const { ticket } = other.login('root@pam', 'secret');
    expect(() => access.identify({ cookie: cookieOf(ticket) }, false)).toThrow('Authentication failed!');
  });
});

describe('a token', () => {
  it('has the privileges of its own entries, on their paths and below', () => {
    const { access } = logins();
    const id = 'caretaker@pve!one';
    const secret = access.addToken(id, [
      { path: '/vms/210', privileges: OPERATOR_ROLE },
      { path: '/nodes', privileges: AUDITOR_ROLE },
    ]);
    const identity = access.identify({ authorization: `PVEAPIToken=${id}=${secret}` }, true);
    expect(access.has(identity, '/vms/210', 'VM.Migrate')).toBe(true);
    expect(access.has(identity, '/vms/2101', 'VM.Migrate')).toBe(false);
    expect(access.has(identity, '/nodes/pve1', 'Sys.Audit')).toBe(true);
    expect(access.has(identity, '/nodes/pve1', 'Sys.Modify')).toBe(false);
    expect(access.has(identity, '/', 'Sys.Audit')).toBe(false);
  });
});
