import type { NodeKernels } from '../domain/cluster.ts';
import type { Finding } from '../domain/finding.ts';
import type { KernelCanary } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { Undo } from '../domain/undo.ts';
import { blocker } from './findings.ts';
import { nextKernel } from './kernels.ts';

/** The trial that a reboot is to be; null where it boots no other kernel, or one that somebody has pinned. */
export function canaryOf(kernels: NodeKernels, { canaryKernel }: Pick<Policy, 'canaryKernel'>): KernelCanary | null {
  if (canaryKernel === 'never' || kernels.pinned !== null || kernels.nextBoot !== null) return null;
  const tries = nextKernel(kernels);
  return tries === kernels.running ? null : { tries, fallback: kernels.running };
}

/** Why a kernel that is to be tried cannot be; null when it can. */
export function whyNoCanary({ canPin, installed, running }: NodeKernels): string | null {
  if (!canPin) return 'it has no proxmox-boot-tool, which pins kernels';
  if (!installed.includes(running)) return `the kernel ${running} that it runs is not installed any more`;
  return null;
}

type Pinned = Extract<Undo, { kind: 'kernel-pin' }>;

/** A kernel that has come up is not unpinned by the way, with all else that is taken back. */
export function isOnTrial(undo: Undo): boolean {
  return undo.kind === 'kernel-pin' && undo.trial === 'on-trial';
}

/** What a person does about a pin of ours. */
export function howToEndTrial({ node, tries, fallback, trial }: Pinned): string {
  if (trial === 'proven') return `${UNPIN}, on ${node}`;
  return (
    `if ${tries} does not come up: choose ${fallback} in the boot menu, at the console of ${node}; ` +
    `if ${tries} shall stay: ${UNPIN}, on ${node}`
  );
}

/** Why a pin of ours is still there. */
export function notProven({ node, tries, fallback }: Pinned): string {
  return `${node} was booted with ${tries}, which has not proved well: it boots ${fallback} at its next start`;
}

/** What became of a trial whose node is back on the kernel from before. */
export function backOnFallback({ node, tries, fallback }: Pinned): string {
  return `${node} runs ${fallback} again and stays pinned to it, for the trial of ${tries} did not end well; to boot the newest: ${UNPIN}`;
}

export function pinnedByOthers(node: string): string {
  return `the kernel of ${node} was pinned by somebody else meanwhile, and stays so`;
}

/** Without a terminal the tool does not ask whether to tell the boot loader; at one, its answer by default is no. */
export const UNPIN = 'proxmox-boot-tool kernel unpin && proxmox-boot-tool refresh';

/** A trial that the policy asks for and the node cannot have is no reason to reboot without one. */
export function canaryFindings(node: string, kernels: NodeKernels, { tries }: KernelCanary): Finding[] {
  const why = whyNoCanary(kernels);
  if (why === null) return [];
  return [
    blocker({
      code: 'no-canary',
      node,
      message: `${node} cannot try the kernel ${tries} for one boot: ${why}`,
      remedy: 'mend this, or boot the new kernel without a trial: rollingUpdate.canaryKernel "never"',
    }),
  ];
}
