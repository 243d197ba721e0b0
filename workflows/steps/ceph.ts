import { waitingActivities } from './activities.ts';
import type { NodeRun } from './node-run.ts';

/** Before a node is touched, and so after the one before it: Ceph is well, if there is any. */
export async function awaitCephWell(run: NodeRun): Promise<void> {
  if ((await readCeph(run)) !== null) await awaitCeph(run, { stopping: false, flagged: false });
}

/** Ceph shall neither rebuild what comes back in minutes, nor lose what it needs meanwhile. */
export async function prepareCeph(run: NodeRun): Promise<void> {
  const { node, policy, ledger } = run;
  const ceph = await readCeph(run);
  if (ceph === null) return;
  // A flag that somebody else has set is his.
  if (!ceph.nooutHosts.includes(node)) {
    ledger.add({ kind: 'ceph-noout', node });
    const { ceph: within } = policy.timeouts;
    await waitingActivities(policy.timeouts, within).ensureCephNoout.executeWithOptions(
      { summary: `${node}: keep Ceph from rebuilding its OSDs` },
      [{ node, on: true, within }],
    );
  }
  await awaitCeph(run, { stopping: true, flagged: true });
}

/** The node is back when its data is: before that, no other may go. */
export async function awaitCephRecovered(run: NodeRun): Promise<void> {
  if (run.ledger.open().some(({ kind }) => kind === 'ceph-noout')) {
    await awaitCeph(run, { stopping: false, flagged: true });
  }
}

function readCeph({ node, quick }: NodeRun) {
  return quick.readCeph.executeWithOptions({ summary: `${node}: look for Ceph` }, [{ node }]);
}

async function awaitCeph(
  { node, policy }: NodeRun,
  { stopping, flagged }: { readonly stopping: boolean; readonly flagged: boolean },
): Promise<void> {
  const { ceph: within } = policy.timeouts;
  await waitingActivities(policy.timeouts, within).awaitCeph.executeWithOptions(
    { summary: `${node}: wait until Ceph ${stopping ? 'can do without it' : 'is well'}` },
    [{ node, stopping, flagged, ignored: policy.cephIgnore, within }],
  );
}
