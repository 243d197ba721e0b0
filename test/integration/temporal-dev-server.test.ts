import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ensureDevServer, startDevServer } from '../../scripts/temporal/dev-server.ts';
import { freePort, isPortTaken } from '../../scripts/temporal/ports.ts';
import { searchAttributeNames } from '../../workers/search-attributes.ts';
import { connectToDevServer } from '../helpers/temporal.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-dev-server-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const cliPath = inject('temporalCliPath');

describe('the dev server', () => {
  it('starts with the Web UI, keeps its data in a file and is reused by the next start', async () => {
    const port = await freePort();
    const uiPort = await freePort();
    const options = { cliPath, port, uiPort, dbFile: join(folder, 'state', 'temporal.db') };
    const first = await ensureDevServer(options);
    try {
      expect(first).toMatchObject({ address: `127.0.0.1:${String(port)}`, namespace: 'default', reused: false });
      const page = await fetch(first.uiUrl ?? '');
      expect(page.status).toBe(200);

      const second = await ensureDevServer(options);
      expect(second).toMatchObject({ address: first.address, uiUrl: first.uiUrl, reused: true });
      await second.stop();
      expect(await isPortTaken(port)).toBe(true);
    } finally {
      await first.stop();
    }
    expect(await isPortTaken(port)).toBe(false);
    expect(existsSync(options.dbFile)).toBe(true);
  });

  it('remembers its workflows over a restart', async () => {
    const options = { cliPath, headless: true, dbFile: join(folder, 'restart.db') };
    const before = await startDevServer(options);
    await withClient(before.address, (client) =>
      client.workflow.start('anything', { taskQueue: 'nobody', workflowId: 'survivor' }),
    );
    await before.stop();

    const after = await startDevServer(options);
    try {
      const description = await withClient(after.address, (client) => client.workflow.getHandle('survivor').describe());
      expect(description.status.name).toBe('RUNNING');
    } finally {
      await after.stop();
    }
  });

  it('names the port and the way out when another program has it', async () => {
    const foreign = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    }).listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    const { port } = foreign.address() as AddressInfo;
    try {
      await expect(ensureDevServer({ cliPath, port })).rejects.toThrow(
        `Port ${String(port)} is used by another program that is not Temporal. End that program, or choose another port with --temporal-port.`,
      );
      await expect(startDevServer({ cliPath, uiPort: port })).rejects.toThrow('--ui-port');
    } finally {
      foreign.close();
    }
  });

  it('passes on why the server ended', async () => {
    await expect(startDevServer({ cliPath: '/bin/false', headless: true })).rejects.toThrow('ended at once');
    await expect(startDevServer({ cliPath, headless: true, dynamicConfig: ['this is not a pair'] })).rejects.toThrow(
      /Its last words:\n.*this is not a pair/s,
    );
  });

  it('ends when the process that started it is killed', async () => {
    const port = await freePort();
    const program = `
      const { startDevServer } = await import(${JSON.stringify(new URL('../../scripts/temporal/dev-server.ts', import.meta.url).href)});
      await startDevServer({ cliPath: ${JSON.stringify(cliPath)}, port: ${String(port)}, headless: true });
      process.stdout.write('up');
      setInterval(() => {}, 1000);
    `;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    expect(await isPortTaken(port)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => isPortTaken(port), { timeout: 20_000, interval: 100 }).toBe(false);
  });

  it("knows Caretaker's search attributes", async () => {
    const environment = await connectToDevServer();
    try {
      const { customAttributes } = await environment.connection.operatorService.listSearchAttributes({
        namespace: 'default',
      });
      expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(searchAttributeNames()));
    } finally {
      await environment.teardown();
    }
  });
});

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
