import type { Activities, NutClientActivities } from '../../activities/index.ts';
import type { SendMailInput } from '../../activities/mail.ts';
import type { LeaseAnswer, LeaseRequest } from '../../domain/lease.ts';
import type { NutClientSettings } from '../../domain/nut-client.ts';
import { theMonitor } from '../helpers/builders.ts';

type Name = keyof NutClientActivities;

/** Two nodes whose NUT clients the activities of a test change. */
export interface NutWorld {
  readonly calls: string[];
  readonly leases: LeaseRequest[];
  readonly mails: SendMailInput[];
  lease: LeaseAnswer;
  /** Nodes whose client is as declared. */
  readonly asDeclared: Set<string>;
  /** Run before an activity does its work; one that throws makes it fail. */
  readonly before: { [K in Name]?: (input: { readonly node: string }) => void | Promise<void> };
}

export function aNutWorld(): NutWorld {
  return {
    calls: [],
    leases: [],
    mails: [],
    lease: { granted: true },
    asDeclared: new Set(),
    before: {},
  };
}

export function settingsOf(cluster: string): NutClientSettings {
  const timeouts = { lease: '1 hour', workerLost: '20 seconds' } as const;
  return { cluster, nodes: ['pve1', 'pve2'], monitor: theMonitor, shutdownBudget: 360, timeouts };
}

export function activitiesOf(world: NutWorld, settings: NutClientSettings) {
  const step =
    <Input extends { readonly node: string }, Result>(name: Name, work: (input: Input) => Result) =>
    async (input: Input): Promise<Result> => {
      world.calls.push(`${name} ${input.node}`);
      await world.before[name]?.(input);
      return work(input);
    };
  return {
    loadNutClientSettings: async (input: unknown) => {
      const { nodes = settings.nodes } = (input ?? {}) as { nodes?: string[] };
      return { ...settings, nodes };
    },
    requestLease: async ({ request }) => {
      world.leases.push(request);
      return world.lease;
    },
    sendMail: async (mail) => {
      world.mails.push(mail);
      return { configured: true, accepted: ['admin@example.org'], deferred: [], refused: [] };
    },
    ensureNutClientPackage: step('ensureNutClientPackage', () => undefined),
    ensureNutClientFiles: step('ensureNutClientFiles', ({ node }) => {
      const pending = !world.asDeclared.has(node);
      return { pending, changed: pending ? ['/etc/nut/upsmon.conf'] : [] };
    }),
    ensureNutMonitorRestarted: step('ensureNutMonitorRestarted', () => undefined),
    awaitNutClient: step('awaitNutClient', () => true as const),
    settleNutClient: step('settleNutClient', ({ node }) => void world.asDeclared.add(node)),
    revertNutClient: step('revertNutClient', () => undefined),
    removeNutClientFiles: step('removeNutClientFiles', ({ node }) =>
      world.asDeclared.delete(node) ? ['restored /etc/nut/upsmon.conf'] : [],
    ),
    removeNutClientPackage: step('removeNutClientPackage', ({ node }) => node === 'pve1'),
  } satisfies Partial<Activities>;
}
