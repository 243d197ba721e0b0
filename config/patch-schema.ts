import { z } from 'zod';
import type { FleetPolicy, PatchPolicy, PatchTimeouts } from '../domain/patch.ts';
import { defaulted } from './defaulted.ts';
import { duration, durationOrNone, hostOrGroupName, serial, timeZone } from './formats.ts';
import { everyHostProbesSchema, hostProbesSchema } from './probe-schema.ts';
import { windows } from './windows-schema.ts';

/** How hosts are patched when neither the configuration nor the input says otherwise. */
export const DEFAULT_PATCH_POLICY: PatchPolicy = {
  dryRun: false,
  autoReboot: true,
  rebootPause: '60 seconds',
  announceReboot: true,
  backupWithin: null,
  snapshot: 'none',
  keepSnapshot: '3 days',
  rollBack: 'when-unwell',
  probes: [],
  settle: '5 minutes',
  listsValidFor: '1 hour',
  cleanUp: true,
  timeouts: {
    lease: '6 hours',
    upgrade: '1 hour',
    reboot: '5 minutes',
    snapshot: '30 minutes',
    workerLost: '20 seconds',
  },
};

export const DEFAULT_FLEET_POLICY: FleetPolicy = { serial: 2, continueOnError: true, maxFailures: null };

const timeoutFields = {
  lease: duration.describe('For the turn of a run while another one disturbs the cluster.'),
  upgrade: duration.describe('For the upgrade of a host, package locks of others included.'),
  reboot: duration.describe('For a host that reboots, until it answers again.'),
  snapshot: duration.describe('For taking a snapshot, removing it or going back to it.'),
  workerLost: duration.describe('Silence after which a worker counts as dead and its work goes to another.'),
} satisfies Record<keyof PatchTimeouts, z.ZodType>;

const timeoutsText = 'How long to wait before something counts as failed.';

const hostFields = {
  dryRun: z.boolean().describe('Look only: say what would be done and change nothing on the hosts.'),
  autoReboot: z
    .boolean()
    .describe('Whether a host that wants a reboot gets one. Otherwise the report says that it wants one.'),
  rebootPause: durationOrNone.describe(
    'How long a person may still stop the reboot of a virtual machine, or have it at once. Containers are rebooted without a pause.',
  ),
  announceReboot: z.boolean().describe('Whether a mail announces such a reboot and says how to stop it.'),
  backupWithin: duration
    .nullable()
    .meta({ syntax: 'duration' })
    .describe(
      'Patch a guest only if its last backup succeeded and is no older than this; others are skipped. Without it nobody asks about backups.',
    ),
  snapshot: z
    .enum(['none', 'before'])
    .describe('Whether Proxmox takes a snapshot of a guest before it is changed. Its storage must be able to.'),
  keepSnapshot: duration.describe('How long the snapshot of a guest that was patched well is kept.'),
  rollBack: z
    .enum(['never', 'when-unwell', 'when-failed'])
    .describe(
      'When a guest with a snapshot is taken back to it: never; when it does not come back from its reboot, or a probe or container that was well no longer is (`when-unwell`); or also when the upgrade itself fails (`when-failed`). What was written to its disks since the snapshot is lost.',
    ),
  probes: hostProbesSchema.describe(
    'What must be as well after patching as it was before. Those of a host are added to those for all hosts.',
  ),
  settle: durationOrNone.describe('How long probes and containers may take to be well again.'),
  listsValidFor: durationOrNone.describe('Package lists that were fetched so recently are not fetched again.'),
  cleanUp: z
    .boolean()
    .describe('Whether `apt-get autoremove` and `apt-get autoclean` run after the upgrade. The running kernel stays.'),
} satisfies Record<Exclude<keyof PatchPolicy, 'timeouts'>, z.ZodType>;

const { dryRun: _, ...configured } = hostFields;
const { dryRun: __, timeouts: ___, ...configuredDefaults } = DEFAULT_PATCH_POLICY;

/** `patching` of one host: any part. */
export const hostPatchSchema = z
  .strictObject({
    ...configured,
    timeouts: z.strictObject(timeoutFields).partial().describe(timeoutsText),
  })
  .partial();

const { probes: ____, ...inputFields } = hostFields;

/** Input of a run. It names no probes: a command in one would be run as root by whoever may start a run. */
export const patchOverridesSchema = z
  .strictObject({ ...inputFields, timeouts: z.strictObject(timeoutFields).partial().describe(timeoutsText) })
  .partial();

const fleetFields = {
  serial: serial.describe('Hosts at a time: a number, or a share of the group such as `25%`; never more than 100.'),
  continueOnError: z.boolean().describe('Whether hosts are still begun after one has failed.'),
  maxFailures: z
    .int()
    .min(1)
    .nullable()
    .meta({ syntax: 'whole number' })
    .describe('So many failed hosts end the run of the group all the same. Without it no number does.'),
} satisfies Record<keyof FleetPolicy, z.ZodType>;

const EVERY_HOST_PROBES =
  'What must be as well on every host after patching as it was before; each is asked of the host itself.';

/** `patching` of the configuration. */
export const patchingSchema = z.strictObject({
  ...defaulted(configured, configuredDefaults),
  probes: everyHostProbesSchema.default([]).describe(EVERY_HOST_PROBES),
  timeouts: z.strictObject(defaulted(timeoutFields, DEFAULT_PATCH_POLICY.timeouts)).prefault({}).describe(timeoutsText),
  groups: z
    .array(
      z.strictObject({
        name: hostOrGroupName.describe('Name of the group, as the hosts have it in `groups`.'),
        ...defaulted(fleetFields, DEFAULT_FLEET_POLICY),
      }),
    )
    .readonly()
    .default([])
    .describe(
      'How the hosts of a group take turns, in the order of the inventory. Groups that are not listed: 2 at a time.',
    ),
  neverTogether: z
    .array(z.array(hostOrGroupName).min(2).readonly())
    .readonly()
    .default([])
    .describe(
      'Hosts of which no two are in hand at the same time, such as `[pihole-1, pihole-2]`. One of them is begun only while the others answer, and not after one of them has failed in the same run.',
    ),
  weekly: z
    .array(hostOrGroupName)
    .readonly()
    .default([])
    .describe('Groups that the weekly updates patch, in this order, such as `[lxc, docker-vms]`.'),
  windows: windows
    .default([])
    .describe(
      'When hosts may be begun; without windows at any time. At the end of a window a run stops between two hosts and reports those that are left. Each run begins at the first host again; what is up to date passes quickly.',
    ),
  timeZone: timeZone
    .nullable()
    .default(null)
    .meta({ syntax: 'time zone' })
    .describe('Time zone of the windows by its IANA name, such as Europe/Berlin. Required where there are windows.'),
  expected: duration.default('10 minutes').describe('What has to be left of a window for a host to be begun.'),
});

export type PatchingConfig = z.output<typeof patchingSchema>;
