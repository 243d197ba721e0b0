import { Message } from '../../../domain/messages.ts';
import type { RollProgress } from '../../../domain/report.ts';
import type { Session } from '../context.ts';
import { requireRunning, type CurrentRun } from '../current-run.ts';
import { describeTidyUp } from '../render/tidy-up.ts';
import { isSilence } from '../temporal.ts';
import { commandName, printJson, printLine, type ExitCode } from '../terminal.ts';

const QUERY_TIMEOUT_MS = 5_000;

/** Cancels the run and says what it tidies up before it ends. */
export async function cancel(session: Session, { json = false }: { readonly json?: boolean }): Promise<ExitCode> {
  const run = await requireRunning(session);
  const progress = await readProgress(session, run);
  await run.handle.cancel();
  const tidyUp = progress === null ? ['what it has changed so far'] : describeTidyUp(progress);
  const { stdout } = session.terminal;
  if (json) {
    printJson(stdout, { ...run.identity, status: 'canceling', tidyUp });
    return 0;
  }
  printLine(stdout, 'The run is asked to stop. It does not interrupt its current step.');
  if (tidyUp.length === 0) printLine(stdout, 'It has nothing to tidy up.');
  else printLine(stdout, ['Before it ends, it tidies up:', ...tidyUp.map((item) => `  - ${item}`)].join('\n'));
  printLine(stdout, `Watch it with \`${commandName(session.terminal.env)} status --follow\`.`);
  return 0;
}

async function readProgress({ client }: Session, { handle }: CurrentRun): Promise<RollProgress | null> {
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query<RollProgress>(Message.progress));
  } catch (error) {
    if (isSilence(error)) return null;
    throw error;
  }
}
