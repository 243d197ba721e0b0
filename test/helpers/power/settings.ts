import type { PowerSettings } from '../../../domain/outage.ts';
import { parseConfig } from '../../../config/load.ts';
import { powerSettingsFor } from '../../../config/power.ts';

/** Settings with all their defaults, but for waits that would pass in real time. The last of several nodes is shed. */
export function powerSettings(ups: string, nodes: readonly string[] = ['pve1', 'pve2']): PowerSettings {
  const fingerprint = Array(32).fill('AB').join(':');
  const config = parseConfig(
    JSON.stringify({
      cluster: {
        name: 'homelab',
        api: { token: { env: 'TOKEN' } },
        ssh: { privateKey: { env: 'KEY' }, knownHosts: 'known_hosts' },
        nodes: nodes.map((name) => ({ name, address: `${name}.example`, api: { fingerprint } })),
      },
      power: {
        ups: { name: ups, host: 'nut.example' },
        shed: { nodes: nodes.slice(1).slice(-1), runtime: '400 seconds' },
        final: { runtime: '300 seconds' },
        guests: { startDelay: '0 seconds', last: ['dns'] },
        timeouts: { yield: '50 ms' },
      },
    }),
    'caretaker.yaml',
  );
  return powerSettingsFor(config);
}
