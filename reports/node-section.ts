import { describeMilliseconds } from '../domain/duration.ts';
import type { NodePlan } from '../domain/plan.ts';
import type { GuestReport, NodeReport } from '../domain/report.ts';
import { cutList, plain, type Block, type Section } from './document.ts';
import { downtimeText, guestName, MOVES, NODE_OUTCOMES, timeOfDay } from './words.ts';

/** What was done with one node, phase by phase, its reboot, guests and packages. */
export function nodeSection(node: NodeReport, plan: NodePlan | null, longest: number): Section {
  const { text, tone } = NODE_OUTCOMES[node.outcome];
  return {
    title: { text: `${node.node}  ${text}`, tone },
    blocks: [...phases(node, plan), ...reboot(node), ...guests(node, longest), ...packages(node, longest)],
  };
}

function phases({ phases: entered }: NodeReport, plan: NodePlan | null): Block[] {
  if (entered.length < 2) return [];
  const rows = entered.slice(0, -1).map(({ phase, startedAt }, index) => {
    const next = entered[index + 1]?.startedAt ?? startedAt;
    return [phase.replaceAll('-', ' '), timeOfDay(startedAt), between(startedAt, next)].map(plain);
  });
  const [first] = entered;
  const last = entered.at(-1);
  const whole = between(first?.startedAt ?? '', last?.startedAt ?? '');
  const expected =
    plan === null || plan.expectedMilliseconds === 0 ? '' : describeMilliseconds(plan.expectedMilliseconds);
  return [
    { kind: 'text', text: expected === '' ? `Took ${whole}.` : `Took ${whole}, expected about ${expected}.` },
    { kind: 'table', columns: [{ title: 'Phase' }, { title: 'Began (UTC)' }, { title: 'Took', align: 'right' }], rows },
  ];
}

function between(from: string, to: string): string {
  return describeMilliseconds(Date.parse(to) - Date.parse(from));
}

function reboot({ node, reboot: proof }: NodeReport): Block[] {
  if (proof === null) return [];
  const { kernelBefore, kernelAfter, bootIdBefore, bootIdAfter, canary } = proof;
  const why =
    kernelBefore === kernelAfter
      ? `Rebooted because the policy says so; the kernel is ${kernelAfter} as before.`
      : `Rebooted for its kernel: ${kernelBefore} → ${kernelAfter}.`;
  const trial = {
    kept: ` It was tried for one boot, and kept when ${node} had proved well.`,
    'on-trial': ` It was tried for one boot; ${kernelBefore} is booted next.`,
  };
  const text = `${why}${canary === undefined ? '' : trial[canary]} Boot ${bootIdBefore} → ${bootIdAfter}.`;
  return [{ kind: 'text', text }];
}

function packages({ packages: all, leftOut }: NodeReport, longest: number): Block[] {
  if (all.length === 0) return [];
  const isKernel = ({ name }: { readonly name: string }): boolean => /kernel/.test(name);
  // Kernels first: they decide about the reboot.
  const sorted = [...all.filter(isKernel), ...all.filter((each) => !isKernel(each))];
  const { shown, ...rest } = cutList(sorted, longest, leftOut?.packages);
  return [
    {
      kind: 'table',
      columns: [{ title: 'Package' }, { title: 'From' }, { title: 'To', flexible: true }],
      rows: shown.map(({ name, from, to }) => [plain(name), plain(from ?? 'new'), plain(to)]),
      ...rest,
    },
  ];
}

function guests({ guests: all, leftOut }: NodeReport, longest: number): Block[] {
  if (all.length === 0) return [];
  const sorted = [...all].sort((a, b) => weight(b) - weight(a));
  const { shown, ...rest } = cutList(sorted, longest, leftOut?.guests);
  return [
    {
      kind: 'table',
      columns: [
        { title: 'Guest' },
        { title: 'How' },
        { title: 'Left' },
        { title: 'Back' },
        { title: 'Down', flexible: true },
      ],
      rows: shown.map((guest) => [
        plain(guestName(guest)),
        plain(MOVES[guest.how]),
        plain(guest.leftAt === null ? '–' : timeOfDay(guest.leftAt)),
        guest.backAt === null && guest.leftAt !== null
          ? { text: `${guest.at} on ${guest.node}`, tone: 'caution' as const }
          : plain(guest.backAt === null ? '–' : timeOfDay(guest.backAt)),
        downtimeText(guest),
      ]),
      ...rest,
    },
  ];
}

/** Those that are not in their place first, then those that were down longest: these are what people look for. */
export function weight({ at, downtime }: GuestReport): number {
  if (at !== 'home' && at !== 'stays') return Number.MAX_SAFE_INTEGER;
  return downtime?.stillDown === true ? Number.MAX_SAFE_INTEGER : (downtime?.milliseconds ?? 0);
}
