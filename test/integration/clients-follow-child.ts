/** A process that follows a job and prints what it hears, to be killed in the middle. */
import { createRemoteJobs } from '../../clients/remote-job/index.ts';
import { createSshClient } from '../../clients/ssh/index.ts';

const { port, privateKey, fingerprint, id } = JSON.parse(process.env['FOLLOW'] ?? '{}') as Record<string, string>;
const ssh = createSshClient({
  host: '127.0.0.1',
  port: Number(port),
  username: 'root',
  privateKey: () => Promise.resolve(privateKey ?? ''),
  hostKey: { fingerprint: fingerprint ?? '' },
});
const jobs = createRemoteJobs(ssh, { stateDirectory: '~/jobs', chunkBytes: 1_000 });
await jobs.follow({
  id: id ?? '',
  pollMs: 20,
  onChunk: (log, nextOffset) => process.stdout.write(`${JSON.stringify({ log, nextOffset })}\n`),
});
