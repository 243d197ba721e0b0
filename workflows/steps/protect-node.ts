import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import { remoteJobId } from '../../domain/ids.ts';
import type { NutClientLine, NutClientSettings } from '../../domain/nut-client.ts';
import { quickActivities, waitingActivities } from './activities.ts';
import { explain, failureType } from './failures.ts';

/** apt waits up to ten minutes for each of its locks. */
const APT: Duration = '40 minutes';

/** upsmon logs in as it starts; the server lists it at once. */
const PROOF: Duration = '1 minute';

export type NodeEnd = Omit<NutClientLine, 'node'>;

/** Makes a node a NUT client, proves it, and takes the change back where it does not prove. */
export async function protectNode(node: string, { monitor, timeouts }: NutClientSettings): Promise<NodeEnd> {
  const quick = quickActivities(timeouts.workerLost);
  const apt = waitingActivities(timeouts, APT);
  await apt.ensureNutClientPackage.executeWithOptions({ summary: `${node}: install nut-client` }, [
    { node, monitor, jobId: jobIdOf('nut-client'), within: APT },
  ]);
  try {
    const { pending, changed } = await quick.ensureNutClientFiles.executeWithOptions(
      { summary: `${node}: write the files` },
      [{ node, monitor }],
    );
    if (pending)
      await quick.ensureNutMonitorRestarted.executeWithOptions({ summary: `${node}: restart nut-monitor` }, [{ node }]);
    await waitingActivities(timeouts, PROOF).awaitNutClient.executeWithOptions({ summary: `${node}: is it proved?` }, [
      { node, monitor, within: PROOF },
    ]);
    if (!pending) return { outcome: 'unchanged', reason: 'it is as declared, and the NUT server lists it' };
    await quick.settleNutClient.executeWithOptions({ summary: `${node}: keep the change` }, [{ node }]);
    const what = changed.length === 0 ? 'nut-monitor was started anew' : `wrote ${changed.join(', ')}`;
    return { outcome: 'changed', reason: `${what}; the NUT server lists it` };
  } catch (error) {
    throw await takeBack(node, quick, error);
  }
}

/** The failure of a node whose change was taken back, or could not be. */
async function takeBack(
  node: string,
  quick: ReturnType<typeof quickActivities>,
  error: unknown,
): Promise<ApplicationFailure> {
  const type = failureType(error) ?? ErrorType.NutClientNotProved;
  const why = explain(error);
  try {
    await quick.revertNutClient.executeWithOptions({ summary: `${node}: take the change back` }, [{ node }]);
    return ApplicationFailure.nonRetryable(`${why} Its files are as they were before.`, type);
  } catch (second) {
    const message = `${why} And the change could not be taken back: ${explain(second)} Begin anew when ${node} answers: what it was before is noted there.`;
    return ApplicationFailure.nonRetryable(message, type);
  }
}

/** Takes the NUT client of a node away again. */
export async function unprotectNode(node: string, { timeouts }: NutClientSettings): Promise<NodeEnd> {
  const quick = quickActivities(timeouts.workerLost);
  const told = await quick.removeNutClientFiles.executeWithOptions({ summary: `${node}: put back what was there` }, [
    { node },
  ]);
  const withPackage = await waitingActivities(timeouts, APT).removeNutClientPackage.executeWithOptions(
    { summary: `${node}: remove nut-client if it is ours` },
    [{ node, jobId: jobIdOf('no-nut-client'), within: APT }],
  );
  if (told.length === 0 && !withPackage) return { outcome: 'unchanged', reason: 'nothing of ours was there' };
  return {
    outcome: 'changed',
    reason: [...told, ...(withPackage ? ['removed the package nut-client'] : [])].join(', '),
  };
}

function jobIdOf(step: string): string {
  return remoteJobId(step, workflowInfo().firstExecutionRunId);
}
