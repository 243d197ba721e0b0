import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { cacheDirectory } from '../../../scripts/temporal/cache.ts';
import type { GateRequest } from './gate.ts';
import { run } from './run.ts';

/** Distributes over the requests. */
type Body = GateRequest extends infer Request ? (Request extends unknown ? Omit<Request, 'id'> : never) : never;

/** Namespaces with a network of their own, from which nothing leads out. Closing it ends all that runs in it. */
export interface Site {
  /** Folder in memory that only processes of the site see. */
  readonly place: string;
  /** Of the site, as its hosts reach it. */
  readonly address: string;
  /** Runs a program in the site. */
  run(argv: readonly string[], options?: { input?: string }): Promise<string>;
  /** Starts a program in the site, in a control group below that of the site. */
  spawn(argv: readonly string[], group: string): ChildProcess;
  /** A port of 127.0.0.1 from which connections are made to an address in the site. */
  forward(host: string, port: number): Promise<number>;
  /** A server whose socket listens in the site. */
  listen(port: number): Promise<Server>;
  close(): Promise<void>;
}

const GATE = fileURLToPath(new URL('gate.ts', import.meta.url));
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let sites = 0;

/** Makes a site, after removing what a dead process left of its own. */
export async function createSite(): Promise<Site> {
  // Each site mounts its own memory here, where no one else sees it.
  const place = join(cacheDirectory(process.env, process.platform, 'real'), 'site');
  await mkdir(place, { recursive: true });
  await run(['unshare', '--mount', 'sh', script('sweep.sh'), place]);

  const group = `caretaker-real-${process.pid}-${++sites}`;
  const command = ['--mount', '--net', 'sh', script('site.sh'), place, group];
  const gate = spawn('unshare', [...command, process.execPath, '--import', 'tsx', GATE], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (lent: Server | undefined) => void>();
  gate.on('message', (reply: { id: number }, lent: Server | undefined) => waiting.get(reply.id)?.(lent));
  const ended = once(gate, 'exit');
  await Promise.race([
    new Promise((resolve) => waiting.set(0, resolve)),
    ended.then(() => Promise.reject(new Error('The site for the hosts ended at once. See above for the reason.'))),
  ]);
  // unshare waits as the parent of the first process.
  const first = await onlyChild(gate.pid ?? 0);
  const inside = ['nsenter', `--target=${first}`, '--mount', '--net', '--pid', '--'];
  let asked = 0;

  function ask(body: Body, handle?: Server): Promise<Server | undefined> {
    const id = ++asked;
    return new Promise((resolve, reject) => {
      waiting.set(id, resolve);
      gate.send({ id, ...body }, handle, {}, (error) => {
        handle?.close();
        if (error !== null) reject(error);
      });
    });
  }
  return {
    place,
    address: '198.18.0.1',
    run: (argv, options) => run([...inside, ...argv], options),
    spawn: (argv, name) => {
      const own = join(place, 'groups', group, name);
      const join_ = 'mkdir -p "$0" && echo 0 >"$0/cgroup.procs" && exec "$@"';
      const [program = '', ...args] = [...inside, 'sh', '-c', join_, own, ...argv];
      return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    },
    async forward(host, port) {
      const outside = createServer();
      await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
      const { port: own } = outside.address() as AddressInfo;
      await ask({ forward: { host, port } }, outside);
      return own;
    },
    async listen(port) {
      const lent = await ask({ listen: { port } });
      if (lent === undefined) throw new Error('The site lent no server.');
      return lent;
    },
    async close() {
      if (gate.connected) gate.disconnect();
      await ended;
      await run(['unshare', '--mount', 'sh', script('sweep.sh'), place, group]);
    },
  };
}

/** The process that another one waits for, by its process id out here. */
export async function onlyChild(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
  if (children.length !== 1 || children[0] === '')
    throw new Error(`Process ${pid} has not one child: ${children.join()}`);
  return Number(children[0]);
}
