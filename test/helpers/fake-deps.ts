import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities, type Activities, type ActivityDeps } from '../../activities/index.ts';
import type { ProxmoxClient, TaskResult } from '../../clients/proxmox/index.ts';
import type { RemoteJobs } from '../../clients/remote-job/index.ts';
import type { ExecResult, SshClient } from '../../clients/ssh/index.ts';
import { theSettings } from './builders.ts';

export interface FakeWorld {
  /** Answers to the calls that the test expects; any other call fails the test. */
  readonly proxmox?: Partial<ProxmoxClient>;
  /** Answers a command on a node or a host. */
  readonly exec?: (name: string, line: string) => ExecResult | Promise<ExecResult>;
  readonly jobs?: Partial<RemoteJobs>;
  readonly settings?: ActivityDeps['settings'];
  readonly stablePolls?: number;
  readonly authorization?: ActivityDeps['authorization'];
  readonly postbox?: ActivityDeps['postbox'];
  readonly nutClients?: Partial<ActivityDeps['nutClients']>;
}

/** Connections to a world that exists only in a test. `avoid`, `via` and `with` lead back to the same fake unless given. */
export function fakeDeps(world: FakeWorld): ActivityDeps {
  const proxmox: ProxmoxClient = onlyExpected<ProxmoxClient>('proxmox', {
    avoid: () => proxmox,
    via: () => proxmox,
    with: () => proxmox,
    ...world.proxmox,
  });
  const shell = (name: string): SshClient => {
    const exec = async (line: string) => {
      if (!world.exec) throw new Error(`the test did not expect the command "${line}" on ${name}`);
      return world.exec(name, line);
    };
    return { label: name, exec, withConnection: (run) => run({ exec }) };
  };
  const jobs = () => onlyExpected<RemoteJobs>('jobs', world.jobs ?? {});
  return {
    settings: world.settings ?? (() => theSettings()),
    patchSettings: onlyExpected<ActivityDeps['patchSettings']>('patchSettings', {}),
    proxmox,
    ssh: shell,
    jobs,
    hostShell: shell,
    hostJobs: jobs,
    hostDoor: () => ({ address: '10.0.0.9', port: 22 }),
    hostStateDirectory: '/var/lib/caretaker/jobs',
    stateDirectory: '/var/lib/caretaker/jobs',
    authorization: world.authorization ?? (() => Promise.reject(new Error('the test has no credentials'))),
    nutClients: onlyExpected<ActivityDeps['nutClients']>('nutClients', world.nutClients ?? {}),
    postbox: world.postbox ?? null,
    polling: { intervalMs: 1, stablePolls: world.stablePolls ?? 2 },
  };
}

/** The activities over `deps`, each a function by itself that can be handed to an environment. */
export function activitiesOver(deps: ActivityDeps): {
  [Name in keyof Activities]: (input: Parameters<Activities[Name]>[0]) => ReturnType<Activities[Name]>;
} {
  return createActivities(deps);
}

export function onlyExpected<T extends object>(name: string, calls: Partial<T>): T {
  return new Proxy(calls, {
    get(target, key) {
      const call: unknown = Reflect.get(target, key);
      if (call === undefined) throw new Error(`the test did not expect a call of ${name}.${String(key)}`);
      return call;
    },
  }) as T;
}

type ActivityInfoChanges = ConstructorParameters<typeof MockActivityEnvironment>[0];

export interface ActivityEnvironment {
  run<Input, Result>(activity: (input: Input) => Promise<Result>, input?: NoInfer<Input>): Promise<Result>;
  onHeartbeat(listener: (details: unknown) => void): void;
  cancel(): void;
}

/** Where one activity runs: scheduled now, quiet unless something is wrong. */
export function activityEnvironment(info: ActivityInfoChanges = {}): ActivityEnvironment {
  const environment = new MockActivityEnvironment(
    { scheduledTimestampMs: Date.now(), ...info },
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  return {
    run: (activity, input) => environment.run(activity, input as Parameters<typeof activity>[0]),
    onHeartbeat: (listener) => void environment.on('heartbeat', listener),
    cancel: () => environment.cancel(),
  };
}

export function answered(stdout: string): ExecResult {
  return { code: 0, signal: undefined, stdout, stderr: '', truncated: false };
}

export function exited(code: number, stderr: string): ExecResult {
  return { code, signal: undefined, stdout: '', stderr, truncated: false };
}

export const taskOk: TaskResult = { status: 'ok', exitstatus: 'OK', warnings: 0, log: ['TASK OK'] };

export function taskFailed(reason: string): TaskResult {
  return { status: 'failed', exitstatus: reason, warnings: 0, log: [`TASK ERROR: ${reason}`] };
}

/** An error as our clients throw it. */
export function clientError(outcome: 'refused' | 'retryable' | 'unknown', message: string): Error {
  return Object.assign(new Error(message), { outcome });
}
