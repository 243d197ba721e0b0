import { errorFromAnswer } from '../../clients/proxmox/errors.ts';
import type { GuestStatus, HaManagerStatus, ProxmoxClient, TaskListing } from '../../clients/proxmox/index.ts';
import { answered, clientError, onlyExpected, taskOk } from './fake-deps.ts';
import type { FakePower } from './fake-power.ts';

/** A guest of pve2; `obeys`: looks at it after which it is down once it was told, and whether it was stopped for that. */
interface FakeGuest {
  running: boolean;
  lock?: string | undefined;
  ha?: boolean;
  obeys: number | 'when forced';
  /** Ends of the first calls that shut it down. */
  refusals?: Error[];
  /** The task that shuts it down. */
  task?: string | undefined;
}

/** pve2 with its guests. */
export interface FakeGuests {
  readonly guests: Record<number, FakeGuest>;
  /** An Error is what calls end with. */
  api: 'up' | 'dead' | Error;
  ssh: 'up' | 'dead' | Error;
  haDisarmed: boolean;
  /** Looks at the HA manager after which it is disarmed: what it was asked for and has not begun is lost. */
  looksUntilDisarmed: number;
  backups: TaskListing[];
  forcedLog: boolean;
  readonly calls: string[];
}

export function fakeGuests(guests: Record<number, Partial<FakeGuest>>, changes: Partial<FakeGuests> = {}): FakeGuests {
  const filled = Object.entries(guests).map(([vmid, guest]) => [vmid, { running: true, obeys: 2, ...guest }] as const);
  return {
    ...{
      api: 'up',
      ssh: 'up',
      haDisarmed: false,
      looksUntilDisarmed: Infinity,
      backups: [],
      forcedLog: false,
      ...changes,
    },
    guests: Object.fromEntries(filled),
    calls: [],
  };
}

const DEAD = clientError('retryable', 'GET /nodes/pve2 at pve2: connect ETIMEDOUT');
/** An answer of the API that is none. */
export const failed = (reason: string, status = 500) =>
  errorFromAnswer({ method: 'POST', path: '/nodes/pve2', endpoint: 'pve2' }, { status, statusText: reason, body: '' });

/** Once it was told, each look brings it nearer to its end. */
function lookAt(guest: FakeGuest): void {
  if (guest.task === undefined || guest.obeys === 'when forced') return;
  if (guest.obeys-- > 0) return;
  guest.running = false;
  guest.task = undefined;
}

export function worldOfGuests(node: FakeGuests): Pick<FakePower, 'proxmox' | 'exec'> {
  const known = (vmid: number) => {
    const guest = node.guests[vmid];
    if (guest === undefined) throw failed(`Configuration file 'nodes/pve2/qemu-server/${vmid}.conf' does not exist`);
    return guest;
  };
  const call = async <T>(result: () => T): Promise<T> => {
    if (node.api !== 'up') throw node.api === 'dead' ? DEAD : node.api;
    return Promise.resolve(result());
  };
  const own = onlyExpected<ProxmoxClient>('the API of pve2', {
    guestStatus: ({ vmid }) =>
      call(() => {
        const guest = known(vmid);
        lookAt(guest);
        const { running, lock, ha = false } = guest;
        return { status: running ? 'running' : 'stopped', running, lock, haManaged: ha } as GuestStatus;
      }),
    findRunningTask: ({ id }) => call(() => node.guests[Number(id)]?.task),
    shutdownGuest: ({ vmid }, options) =>
      call(() => {
        const guest = known(vmid);
        const refusal = guest.refusals?.shift();
        if (refusal) throw refusal;
        if (guest.lock !== undefined) throw failed(`VM is locked (${guest.lock})`);
        node.calls.push(`shutdown ${vmid} ${JSON.stringify(options)}`);
        return (guest.task = `UPID:${vmid}`);
      }),
    stopGuest: ({ vmid }, options) =>
      call(() => {
        node.calls.push(`stop ${vmid} ${JSON.stringify(options)}`);
        known(vmid).running = false;
        return 'UPID:stop';
      }),
    tasks: () => call(() => node.backups),
    haManagerStatus: () =>
      call(() => {
        if (node.looksUntilDisarmed-- === 0) {
          node.haDisarmed = true;
          for (const guest of Object.values(node.guests)) guest.task = undefined;
        }
        return { disarmed: node.haDisarmed } as HaManagerStatus;
      }),
    setHaState: (sid, state) => call(() => void node.calls.push(`HA ${sid} ${state}`)),
    task: (upid) => ({
      upid,
      follow: () => Promise.resolve({ ...taskOk, log: node.forcedLog ? ['terminating now with SIGTERM'] : [] }),
      stop: () =>
        call(() => {
          node.calls.push(`stop task ${upid}`);
          for (const guest of Object.values(node.guests)) guest.lock = undefined;
        }),
    }),
  });
  return { proxmox: { with: () => own }, exec: (_name, script) => shellOf(node, script) };
}

function shellOf(node: FakeGuests, script: string) {
  if (node.ssh !== 'up') {
    throw node.ssh === 'dead' ? clientError('retryable', 'SSH to root@pve2: no connection') : node.ssh;
  }
  const lines = script.split('\n').map((line) => {
    const [, tool = '', verb = '', vmid = '', options = ''] =
      /(qm|pct) (status|shutdown) (\d+)([^)]*)? 2>&1/.exec(line) ?? [];
    const guest = node.guests[Number(vmid)];
    if (guest === undefined) return `${vmid} 2 Configuration file 'nodes/pve2/${vmid}.conf' does not exist`;
    if (verb === 'status') {
      lookAt(guest);
      return `${vmid} 0 status: ${guest.running ? 'running' : 'stopped'}`;
    }
    if (guest.task !== undefined) {
      return `${vmid} 1 Failed to start transient service unit: Unit caretaker-stop-${vmid}.service was already loaded`;
    }
    node.calls.push(`${tool} shutdown ${vmid}${options}`);
    guest.task = 'unit';
    return `${vmid} 0 `;
  });
  return answered(`${lines.join('\n')}\n`);
}
