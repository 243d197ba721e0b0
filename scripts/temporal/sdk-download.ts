import { copyFile, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillAtomically } from './cache.ts';
import type { TemporalProgram } from './programs.ts';
import { runBounded } from './run.ts';

/** The host that the SDK's download code asks (sdk-core, `ephemeral_server/mod.rs`). */
const DOWNLOAD_HOST = 'temporal.download';
const REACHABLE_TIMEOUT_MS = 4_000;
const DOWNLOAD_TIMEOUT_MS = 180_000;
const CHILD = fileURLToPath(new URL('./sdk-download-child.mjs', import.meta.url));

/**
 * Lets the SDK download a program into `directory`. The SDK can only download a server by also starting it, and cannot
 * be interrupted, so it does so in a process of its own that is bounded in time. Where the network refuses, asking the
 * host first keeps the wait to seconds.
 *
 * @throws Error with a sentence for people.
 */
export async function downloadFromSdk(
  program: TemporalProgram,
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const behindProxy = Boolean(env.HTTPS_PROXY ?? env.https_proxy ?? env.ALL_PROXY ?? env.all_proxy);
  if (!behindProxy) await requireReachable(DOWNLOAD_HOST, 443);
  await fillAtomically(directory, async (temporary) => {
    const result = await runBounded(process.execPath, [CHILD, program.name, temporary], {
      env,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    const downloaded = (await readdir(temporary)).find((name) => !name.endsWith('.downloading'));
    if (result.code !== 0 || downloaded === undefined) {
      const reason = result.timedOut ? 'it took too long' : (result.output.split('\n').at(-1) ?? '');
      throw new Error(`the download by the Temporal SDK failed: ${reason}`);
    }
    await copyFile(join(temporary, downloaded), join(temporary, program.name));
    await rm(join(temporary, downloaded));
  });
}

function requireReachable(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: REACHABLE_TIMEOUT_MS });
    const refuse = (): void => {
      socket.destroy();
      reject(new Error(`${host} cannot be reached from this machine`));
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', refuse);
    socket.once('error', refuse);
  });
}
