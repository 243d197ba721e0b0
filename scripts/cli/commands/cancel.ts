import type { Session } from '../context.ts';
import { requireRunning } from '../current-run.ts';
import { readProgressIfAnswered } from '../read-progress.ts';
import { describeTidyUp } from '../render/tidy-up.ts';
import { commandName, printJson, printLine, type ExitCode } from '../terminal.ts';

/** Cancels the run and says what it tidies up before it ends. */
export async function cancel(session: Session, { json = false }: { readonly json?: boolean }): Promise<ExitCode> {
  const run = await requireRunning(session);
  const progress = await readProgressIfAnswered(session.client, run.handle);
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
