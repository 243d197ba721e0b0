/** A process that runs the activity `upgradeNode`, to be killed in the middle. */
import { connectTo } from './connect.ts';
import { upgradeOver } from './upgrade.ts';

const { name, jobId, ...address } = JSON.parse(process.env['UPGRADE'] ?? '{}') as {
  name: string;
  jobId: string;
  sshPort: number;
  privateKey: string;
  fingerprint: string;
};
await upgradeOver(connectTo(address), name, jobId);
