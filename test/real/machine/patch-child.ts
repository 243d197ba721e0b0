/**
 * A process that upgrades hosts side by side, to be killed in the middle. Prints a line of JSON for each heartbeat and for
 * each result.
 */
import { connectTo, type HostAddress } from './connect.ts';
import { activitiesOn } from './host-activities.ts';

const hosts = JSON.parse(process.env['HOSTS'] ?? '[]') as (HostAddress & { readonly name: string })[];
const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

await Promise.all(
  hosts.map(async ({ name, ...address }) => {
    const { upgradeHost } = activitiesOn(connectTo(address), (heartbeat) => tell({ name, heartbeat }));
    const result = await upgradeHost({
      host: name,
      jobId: 'patch',
      listsValidFor: '1 hour',
      cleanUp: true,
      within: '5 minutes',
    });
    tell({ name, result });
  }),
);
