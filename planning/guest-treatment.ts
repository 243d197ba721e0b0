import type { Guest } from '../domain/cluster.ts';
import type { Finding } from '../domain/finding.ts';
import type { GuestRule, GuestTreatment, Policy } from '../domain/policy.ts';
import { warning } from './findings.ts';

/** What the policy says of a guest: by its vmid, else by the first rule that matches, else the default. */
export function treatmentOf(guest: Guest, { guests }: Policy): GuestTreatment {
  return (
    guests.overrides[String(guest.vmid)] ??
    guests.rules.find((rule) => matches(rule, guest))?.treatment ??
    guests.default
  );
}

/** What the policy says of guests that the cluster does not have: a typing error, or an old exception. */
export function findStrangers(known: readonly Guest[], { guests }: Policy): Finding[] {
  const vmids = new Set(known.map((guest) => String(guest.vmid)));
  const overrides = Object.keys(guests.overrides).filter((vmid) => !vmids.has(vmid));
  return [
    ...overrides.map((vmid) =>
      warning({
        code: 'unknown-guest',
        node: null,
        vmid: Number(vmid),
        message: `rollingUpdate.guests.overrides names ${vmid}, but the cluster has no such guest`,
        remedy: 'correct the vmid, or remove the entry',
      }),
    ),
    ...guests.rules.flatMap((rule, index) =>
      known.some((guest) => matches(rule, guest))
        ? []
        : warning({
            code: 'unknown-guest',
            node: null,
            message: `rollingUpdate.guests.rules[${index}] (${describeRule(rule)}) matches no guest of the cluster`,
            remedy: 'correct its tags and vmids, or remove it',
          }),
    ),
  ];
}

function matches({ tags, vmids }: GuestRule, guest: Guest): boolean {
  const byTag = tags === undefined || tags.some((tag) => guest.tags.includes(tag));
  const byVmid = vmids === undefined || vmids.includes(guest.vmid);
  return byTag && byVmid;
}

function describeRule({ tags, vmids }: GuestRule): string {
  return [
    ...(tags === undefined ? [] : [`tags ${tags.join(', ')}`]),
    ...(vmids === undefined ? [] : [`vmids ${vmids.join(', ')}`]),
  ].join(' and ');
}
