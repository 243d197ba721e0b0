import { z } from 'zod';
import type { ExpectedDurations, GuestPolicy, Policy, PolicyTimeouts } from '../domain/policy.ts';
import { defaulted } from './defaulted.ts';
import { DEFAULT_FAILURE_POLICY, failureFields } from './failure-schema.ts';
import { duration, durationOrNone, guestTag, nodeName, overridableCode, timeZone, vmid, vmidKey } from './formats.ts';
import { windows } from './windows-schema.ts';
import { probesSchema } from './probe-schema.ts';

/** How a rolling update behaves when neither the configuration nor the input says otherwise. */
export const DEFAULT_POLICY: Policy = {
  dryRun: false,
  nodes: [],
  reboot: 'if-needed',
  approval: 'none',
  windows: [],
  timeZone: null,
  windowFit: 'expected',
  soak: '0 seconds',
  canaryKernel: 'never',
  autoremove: 'never',
  probes: [],
  parallelMigrations: 2,
  localDisks: 'replicated',
  hostCpu: 'same-model',
  memoryReservePercent: 10,
  disarmHa: 'never',
  cephIgnore: [],
  backups: 'wait',
  overrides: [],
  guests: { default: 'migrate', overrides: {}, rules: [] },
  onFailure: DEFAULT_FAILURE_POLICY,
  timeouts: {
    approval: '12 hours',
    lease: '6 hours',
    decision: '12 hours',
    migration: '1 hour',
    guestShutdown: '5 minutes',
    replication: '30 minutes',
    haMove: '30 minutes',
    ceph: '1 hour',
    backup: '4 hours',
    upgrade: '2 hours',
    reboot: '20 minutes',
    rejoin: '15 minutes',
    undo: '6 hours',
    undoLater: '3 days',
    workerLost: '20 seconds',
  },
  expected: {
    upgrade: '6 minutes',
    reboot: '5 minutes',
    migrationPerGiB: '10 seconds',
    containerRestart: '20 seconds',
  },
};

const treatment = z.enum(['migrate', 'shutdown', 'leave', 'refuse']);

const rule = z
  .strictObject({
    tags: z.array(guestTag).min(1).readonly().exactOptional().describe('Guests that carry one of these tags.'),
    vmids: z.array(vmid).min(1).readonly().exactOptional().describe('Guests with one of these vmids.'),
    treatment: treatment.describe('What happens to them; see `default`.'),
  })
  .refine(({ tags, vmids }) => tags !== undefined || vmids !== undefined, {
    error: 'selects no guest',
    params: { remedy: 'Add tags, vmids or both; with both, a guest must match both.' },
  });

const guestFields = {
  default: treatment.describe(
    'What happens to a running guest while its node is away: `migrate` moves it and brings it back, `shutdown` shuts it down in order and starts it again, `leave` does nothing and accepts that a reboot stops it, `refuse` makes the run refuse its node.',
  ),
  overrides: z
    .record(vmidKey, treatment)
    .describe('Exceptions by vmid, such as `{ 210: shutdown }`. They go before the rules.'),
  rules: z.array(rule).describe('Treatments for guests by tag or vmid; the first rule that matches a guest counts.'),
} satisfies Record<keyof GuestPolicy, z.ZodType>;

const timeoutFields = {
  approval: duration.describe('Longest wait for an approval; after it the run ends as refused.'),
  lease: duration.describe(
    'Longest wait while another run has the cluster, such as a second rolling update; after it the run ends as refused.',
  ),
  decision: duration.describe(
    'Longest wait for the answer to a question (`ask` below `onFailure`); after it `onFailure.unanswered` counts.',
  ),
  migration: duration.describe("Longest time for one guest's move."),
  guestShutdown: duration.describe('How long a guest may take to shut down in order; it is never forced.'),
  replication: duration.describe("Longest wait until a guest's disks are replicated once more before it moves."),
  haMove: duration.describe('Longest wait until the HA manager has moved its guests.'),
  ceph: duration.describe(
    'Longest wait until Ceph is well, before a node is touched, before it reboots and after it is back.',
  ),
  backup: duration.describe('Longest wait for backups that run before a node is touched.'),
  upgrade: duration.describe('Longest time for the package upgrade of one node.'),
  reboot: duration.describe('Longest time from the reboot request until the node answers with a new boot id.'),
  rejoin: duration.describe('Longest time from the new boot id until the node is a full member of the cluster again.'),
  undo: duration.describe('How long a run goes on trying to take back one change that it made.'),
  undoLater: duration.describe(
    'How long what a run could not take back goes on being tried, by a run of its own that mails how it ends.',
  ),
  workerLost: duration.describe('Silence after which a worker is taken for dead and another one continues its step.'),
} satisfies Record<keyof PolicyTimeouts, z.ZodType>;

const expectedFields = {
  upgrade: duration.describe('Typical package upgrade of one node.'),
  reboot: duration.describe('Typical reboot of one node, until it is a full member again.'),
  migrationPerGiB: duration.describe('Typical move of one gibibyte of guest memory.'),
  containerRestart: duration.describe("Typical stop and start around a container's move."),
} satisfies Record<keyof ExpectedDurations, z.ZodType>;

const policyFields = {
  dryRun: z.boolean().describe('Stop after planning and report the plan; nothing on any node is changed.'),
  nodes: z
    .array(nodeName)
    .describe('Nodes to update, in this order. Empty: all nodes of the configuration, in its order.'),
  reboot: z
    .enum(['if-needed', 'always', 'never'])
    .describe('Reboot a node when its running kernel is not the one it would boot, always, or never.'),
  approval: z
    .enum(['none', 'plan', 'every-node'])
    .describe('Wait for a person to agree: never, once to the plan, or before every node.'),
  windows: windows.describe(
    'Maintenance windows: when nodes may be begun. Windows that touch are one. At the end of a window a run stops between two nodes, stays open, plans anew and goes on in the next; a node that has begun is finished. Without windows nodes may be begun at any time.',
  ),
  timeZone: timeZone
    .nullable()
    .meta({ syntax: 'time zone' })
    .describe('Time zone of the windows by its IANA name, such as Europe/Berlin. Required where there are windows.'),
  windowFit: z
    .enum(['expected', 'start-only'])
    .describe(
      'Begin a node only if its expected time fits into what is left of the window (`expected`), or whenever the window is open (`start-only`).',
    ),
  soak: durationOrNone.describe(
    'How long an updated node is watched, its guests at home, before the next one is begun. At the end every probe must be well and the node still a full member; in between a probe may fail. Give services the time they need to start.',
  ),
  probes: probesSchema.describe(
    'What must be well before the first node and after each one. A probe that fails beforehand refuses the run; one that fails at the end of the soak stops the line.',
  ),
  canaryKernel: z
    .enum(['never', 'when-new'])
    .describe(
      'Whether a new kernel is tried first (`when-new`): the one that runs is pinned, the new one is booted once (`proxmox-boot-tool kernel pin --next-boot`), and the pin is taken out when the node has proved well. A node that is up but not well boots the old one at its next start. A kernel that does not come up at all is started again until a person chooses the old one in the boot menu. A kernel that somebody has pinned is left as it is.',
    ),
  autoremove: z
    .enum(['never', 'after-proven-boot'])
    .describe(
      'Whether `apt-get autoremove` runs on a node: never, or after this run has rebooted it and it has proved well. The kernel from before the reboot and the running one always stay.',
    ),
  parallelMigrations: z.int().min(1).max(16).describe('How many guests of a node move at the same time.'),
  hostCpu: z
    .enum(['same-model', 'any'])
    .describe(
      'A VM with the CPU type `host` or `max` moves while it runs only to a node with the same model of CPU (`same-model`), since it may crash on another one; or to any (`any`).',
    ),
  localDisks: z
    .enum(['replicated', 'always', 'never'])
    .describe('Whether VMs may copy their local disks while they move: only replicated ones, always, or never.'),
  memoryReservePercent: z
    .number()
    .min(0)
    .max(90)
    .describe("Share of a node's memory, in percent, that guests leave free for the system and the ZFS cache."),
  disarmHa: z
    .enum(['never', 'when-it-would-fence'])
    .describe(
      'Whether HA is disarmed for the reboot of a node whose absence would make the watchdogs reset the remaining nodes (Proxmox VE 9.2 or newer). While it is disarmed, HA restarts no guest. It is armed again as soon as the node is back.',
    ),
  cephIgnore: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of a health check, such as RECENT_CRASH'))
    .describe('Names of Ceph health checks that do not keep a node from being updated, such as `RECENT_CRASH`.'),
  backups: z
    .enum(['wait', 'refuse'])
    .describe(
      'What to do about backups that run: `wait` lets them come to their end, `refuse` leaves the node alone. Jobs that become due while a node is in hand are disabled for that time.',
    ),
  overrides: z
    .array(overridableCode)
    .describe(
      'Blockers of the preflight that do not keep a run from starting, by their codes (docs/reference/findings.md). They stay visible in plan and report. Those of the input are added to those of the configuration; safety rules cannot be overridden.',
    ),
} satisfies Record<Exclude<keyof Policy, 'guests' | 'onFailure' | 'timeouts' | 'expected'>, z.ZodType>;

const sections = {
  guests: 'What to do with running guests.',
  onFailure:
    'What to do about trouble: `retry` tries again after a pause, `shutdown-guest` shuts the guest down in order instead of moving it, `skip-node` tidies up, checks that the node is well and goes on with the next, `ask` waits for a person (`caretaker decide`), `stop` tidies up and ends the run. What is not safe for a kind of trouble is refused.',
  timeouts: 'How long to wait before something counts as failed.',
  expected: 'Typical durations. They only feed the expected time that plan and progress show.',
};

/** `rollingUpdate` of the configuration: every field has a default. */
export const policySchema = z.strictObject({
  ...defaulted(policyFields, DEFAULT_POLICY),
  guests: z.strictObject(defaulted(guestFields, DEFAULT_POLICY.guests)).prefault({}).describe(sections.guests),
  onFailure: z
    .strictObject(defaulted(failureFields, DEFAULT_POLICY.onFailure))
    .prefault({})
    .describe(sections.onFailure),
  timeouts: z.strictObject(defaulted(timeoutFields, DEFAULT_POLICY.timeouts)).prefault({}).describe(sections.timeouts),
  expected: z.strictObject(defaulted(expectedFields, DEFAULT_POLICY.expected)).prefault({}).describe(sections.expected),
});

/** Input of a run: any part of the policy, without defaults. */
export const policyOverridesSchema = z
  .strictObject({
    ...policyFields,
    guests: z.strictObject(guestFields).partial().describe(sections.guests),
    onFailure: z.strictObject(failureFields).partial().describe(sections.onFailure),
    timeouts: z.strictObject(timeoutFields).partial().describe(sections.timeouts),
    expected: z.strictObject(expectedFields).partial().describe(sections.expected),
  })
  .partial();
