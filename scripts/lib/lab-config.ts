import { stringify } from 'yaml';
import type { z } from 'zod';
import type { hostPatchSchema, patchingSchema } from '../../config/patch-schema.ts';
import type { powerSchema } from '../../config/power-schema.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';

/** The part of the lab's sheet of addresses and credentials that a configuration needs. */
export interface LabSheet {
  readonly cluster: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly api: { readonly host: string; readonly port: number; readonly fingerprint: string };
    readonly ssh: { readonly host: string; readonly port: number; readonly fingerprint: string };
    readonly wake?: { readonly mac: string; readonly host: string; readonly port: number };
  }[];
  readonly ups: { readonly name: string; readonly host: string; readonly port: number };
  readonly guests: readonly {
    readonly vmid: number;
    readonly kind: 'lxc' | 'qemu';
    readonly name: string;
    readonly template: boolean;
    /** Absent: no SSH server runs on it. */
    readonly ssh?: { readonly host: string; readonly port: number; readonly fingerprint: string };
  }[];
  readonly ssh: { readonly user: string; readonly privateKeyFile: string };
  readonly mail: { readonly host: string; readonly port: number };
}

export interface LabConfigOptions {
  /** Virtual seconds of the lab per real second: waiting times shrink with it. */
  readonly scale: number;
  /** Environment variable that will hold the API token. */
  readonly tokenVariable: string;
  readonly policy?: PolicyOverrides;
  readonly patching?: LabPatching;
  readonly power?: LabPower;
}

/** What differs from the lab's own `patching`; `hosts` by the name of the guest. */
export type LabPatching = z.input<typeof patchingSchema> & {
  readonly hosts?: Readonly<Record<string, z.input<typeof hostPatchSchema>>>;
};

/** What differs from the lab's own `power`. */
export type LabPower = Partial<Omit<z.input<typeof powerSchema>, 'ups' | 'nodes'>> & {
  /** Another UPS than that of the lab. */
  readonly ups?: LabSheet['ups'];
};

/** Commands run in real time, whatever the clock of the lab says. */
const SLOW = 10;

/** Machines of the lab have no file system of their own but the home of root. */
const STATE_DIRECTORY = '~/caretaker-jobs';

/** A `caretaker.yaml` for the lab: a real configuration, only with shorter waits. */
export function labConfig(sheet: LabSheet, options: LabConfigOptions): string {
  const { scale, tokenVariable, policy } = options;
  const { hosts: ofHosts = {}, ...patching } = options.patching ?? {};
  const shrunk = (seconds: number) => `${Math.max(1, Math.round((seconds * 1_000) / scale))} ms`;
  return stringify({
    cluster: {
      name: sheet.cluster,
      api: { token: { env: tokenVariable } },
      ssh: { user: sheet.ssh.user, privateKey: { file: sheet.ssh.privateKeyFile } },
      stateDirectory: STATE_DIRECTORY,
      nodes: sheet.nodes.map((node) => ({
        name: node.name,
        address: node.api.host,
        api: { port: node.api.port, fingerprint: node.api.fingerprint },
        ssh: { port: node.ssh.port, hostKey: node.ssh.fingerprint },
      })),
    },
    hostDefaults: { stateDirectory: STATE_DIRECTORY },
    hosts: sheet.guests
      .filter(({ template }) => !template)
      .map(({ vmid, kind, name, ssh }) => ({
        name,
        vmid,
        kind: kind === 'lxc' ? 'lxc' : 'vm',
        groups: [kind === 'lxc' ? 'lxc' : 'docker-vms'],
        patching: ofHosts[name] ?? {},
        ...(ssh === undefined
          ? { address: `${name}.lab.example`, via: kind === 'lxc' ? 'pct' : 'agent' }
          : { address: ssh.host, ssh: { port: ssh.port, hostKey: ssh.fingerprint } }),
      })),
    patching: {
      rebootPause: shrunk(60),
      settle: shrunk(120),
      ...patching,
      timeouts: { workerLost: '5 seconds', reboot: shrunk(300 * SLOW), ...patching.timeouts },
    },
    power: labPower(sheet, shrunk, options.power ?? {}),
    polling: { interval: `${Math.max(50, Math.round(5_000 / scale))} ms`, stablePolls: 2 },
    mail: {
      ...sheet.mail,
      security: 'none',
      from: 'caretaker@lab.example',
      to: ['admin@lab.example'],
    },
    rollingUpdate: {
      ...policy,
      timeouts: { workerLost: '5 seconds', ...policy?.timeouts },
      expected: {
        upgrade: shrunk(60),
        reboot: shrunk(180),
        migrationPerGiB: shrunk(10),
        containerRestart: shrunk(20),
        ...policy?.expected,
      },
    },
  });
}

/** The last node is shed. The UPS tells its runtime by the clock of the lab, which nothing shrinks. */
function labPower(
  { nodes, ...sheet }: LabSheet,
  shrunk: (seconds: number) => string,
  { ups = sheet.ups, shed, final, restore, timeouts, guests, ...power }: LabPower,
): unknown {
  return {
    ups: { name: ups.name, host: ups.host, port: ups.port, tls: 'off', interval: shrunk(1) },
    confirm: shrunk(10),
    stabilization: shrunk(30),
    holdDown: shrunk(60),
    memory: shrunk(1_800),
    silence: '5 seconds',
    nodes: nodes.map(({ name, wake }) => ({
      name,
      ...(wake === undefined ? {} : { wake: { mac: wake.mac, broadcast: wake.host, port: wake.port } }),
    })),
    ...power,
    guests: { startDelay: '0 seconds', ...guests },
    shed: {
      nodes: nodes.length > 1 ? nodes.slice(-1).map(({ name }) => name) : [],
      after: shrunk(300),
      runtime: '6 minutes',
      ...shed,
    },
    final: { after: shrunk(900), runtime: '5 minutes', blind: '5 seconds', ...final },
    restore: { after: shrunk(120), nodeUp: shrunk(300 * SLOW), settle: shrunk(180), ...restore },
    timeouts: { yield: shrunk(240), ...timeouts },
  };
}
