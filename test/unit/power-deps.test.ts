import { afterEach, describe, expect, it } from 'vitest';
import type { PowerDeps } from '../../activities/power/index.ts';
import { parseConfig } from '../../config/load.ts';
import { powerDepsFromConfig } from '../../workers/power-deps.ts';

const FINGERPRINT = `${'AB:'.repeat(31)}AB`;

function config(power: string) {
  return parseConfig(
    `
cluster:
  name: homelab
  api: { token: { env: TOKEN } }
  ssh: { privateKey: { file: key }, knownHosts: known }
  nodes:
    - { name: pve1, address: 10.0.0.1, api: { fingerprint: ${FINGERPRINT} } }
    - { name: pve2, address: 10.0.0.2, api: { fingerprint: ${FINGERPRINT} } }
polling: { interval: 30 seconds }
${power}`,
    '/site/caretaker.yaml',
  );
}

const POWER = `
power:
  ups: { name: rack, host: 10.0.0.5, port: 3494 }
  nodes:
    - name: pve1
      bmc: { address: 10.0.0.9, user: caretaker, password: { env: BMC_PASSWORD } }
    - name: pve2
      wake: { mac: '02:00:00:00:00:02', broadcast: 10.0.0.255 }
`;

const open: (PowerDeps & { close(): Promise<void> })[] = [];
function depsOf(power: string) {
  const deps = powerDepsFromConfig(config(power), {});
  open.push(deps);
  return deps;
}
afterEach(async () => {
  for (const deps of open.splice(0)) await deps.close();
});

describe('the connections of the worker for power', () => {
  it('are those of the configuration, and contact nobody yet', () => {
    const { power, polling } = depsOf(POWER);
    expect(power.settings()).toMatchObject({ cluster: 'homelab', ups: 'rack', nodes: ['pve1', 'pve2'] });
    expect(power.ups.label).toBe('rack at 10.0.0.5:3494');
    expect(power.bmc('pve1')?.label).toBe('BMC 10.0.0.9');
    expect(power.bmc('pve2')).toBeNull();
    expect(power.wake('pve2')).toEqual({ mac: '02:00:00:00:00:02', broadcast: '10.0.0.255', port: 9 });
    expect(power.wake('pve1')).toBeNull();
    expect(power.bmc('pve3')).toBeNull();
    expect(polling.intervalMs).toBe(2_000);
  });

  it('read a password when it is needed, and name its field when it is not there', async () => {
    await expect(depsOf(POWER).power.bmc('pve1')?.power()).rejects.toThrow(
      'power.nodes (pve1): bmc.password points to the environment variable BMC_PASSWORD, which is not set',
    );
  });

  it('cannot be made without the section, or without the certificate authority that it names', () => {
    expect(() => depsOf('')).toThrow('power is missing, so Caretaker does not know the UPS');
    const ups = 'power: { ups: { name: rack, host: 10.0.0.5, tls: required, caFile: /nowhere/ca.pem } }';
    expect(() => depsOf(ups)).toThrow(/^power.ups.caFile: cannot be read: .*ENOENT.* Correct it\.$/);
  });
});
