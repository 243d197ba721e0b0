import { TaskQueue, type QueueName } from '../../../domain/task-queues.ts';
import type { Check } from '../check.ts';
import { startOfWorker, type Session, type Site } from '../context.ts';
import { askGuard } from '../read-power.ts';
import { createStyle, wrap, type RenderOptions } from '../render/style.ts';
import { sentence } from '../render/words.ts';
import { checkSite } from '../site-checks.ts';
import { connectToTemporal, hasWorker } from '../temporal.ts';
import { CliError, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';

/** Node.js 20 works, and gets no more security fixes. */
const OLDEST_MAINTAINED = 22;

/**
 * Looks at everything that Caretaker needs: Temporal, its workers, the watch of the UPS, the nodes, and the ways to wake them.
 * Changes nothing. 1 if something is missing.
 */
export async function doctor(site: Site, { json = false }: { readonly json?: boolean }): Promise<ExitCode> {
  const { stdout, env } = site.terminal;
  const checks = [nodeVersion(), ...(await checkTemporal(site)), ...(await checkSite(site))];
  if (json) printJson(stdout, checks);
  else printLine(stdout, renderChecks(checks, layoutFor(stdout, env)));
  return checks.some(({ state }) => state === 'bad') ? 1 : 0;
}

function nodeVersion(): Check {
  const name = 'Node.js';
  const words = process.version;
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_MAINTAINED) return { name, state: 'good', words };
  return { name, state: 'caution', words, remedy: 'it gets no more security fixes: take 22 or 24' };
}

async function checkTemporal(site: Site): Promise<Check[]> {
  const { env } = site.terminal;
  const name = 'Temporal';
  try {
    const temporal = await connectToTemporal(env);
    try {
      const { address, namespace } = temporal;
      const session: Session = { ...site, ...temporal };
      return [
        { name, state: 'good', words: `${address}, namespace ${namespace}` },
        await checkWorker(session, TaskQueue.maintenance),
        ...(site.config.power === undefined ? [] : [await checkGuard(session, site.config.power.ups.name)]),
      ];
    } finally {
      await temporal.close();
    }
  } catch (error) {
    if (error instanceof CliError) return [{ name, state: 'bad', words: error.message }];
    throw error;
  }
}

async function checkWorker(session: Session, queue: QueueName): Promise<Check> {
  const name = `worker of ${queue}`;
  if (await hasWorker(session, queue)) return { name, state: 'good', words: 'asks for work' };
  return { name, state: 'bad', words: 'none asks for work', remedy: `start it: ${startOfWorker(queue)}` };
}

async function checkGuard(session: Session, ups: string): Promise<Check> {
  const name = `watch of ${ups}`;
  const answer = await askGuard(session, ups);
  if ('unwatched' in answer) return { name, state: 'bad', words: answer.unwatched };
  const { outage, verdict } = answer.status;
  if (outage)
    return { name, state: 'caution', words: 'a power cut is being answered', remedy: 'caretaker power status' };
  if (verdict === null) return { name, state: 'caution', words: 'the UPS has not been looked at yet', remedy: 'wait' };
  const [notice] = verdict.notices;
  return notice === undefined
    ? { name, state: 'good', words: 'at work' }
    : { name, state: 'caution', words: notice.text, remedy: 'caretaker power status' };
}

const MARKS = { good: '✔', caution: '!', bad: '✘' } as const;

function renderChecks(checks: readonly Check[], { width, color }: Required<RenderOptions>): string {
  const style = createStyle(color);
  const longest = Math.max(...checks.map(({ name }) => name.length));
  const indent = ' '.repeat(longest + 4);
  return checks
    .map(({ name, state, words, remedy }) => {
      const line = `${name.padEnd(longest)}  ${words}${remedy === undefined ? '' : `. ${sentence(remedy)}`}`;
      return `${style[state](MARKS[state])} ${wrap(line, width - 2, indent)}`;
    })
    .join('\n');
}
