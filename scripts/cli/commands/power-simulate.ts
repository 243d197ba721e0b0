import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../config/load.ts';
import type { LabEvent } from '../../../lab/index.ts';
import { referenceSite } from '../../../lab/site.ts';
import { clock } from '../../../reports/outage-document.ts';
import { createRollLab, type RollLab } from '../../lib/roll-lab.ts';
import { createTeardown, type Teardown } from '../../lib/teardown.ts';
import { startDevServer } from '../../temporal/dev-server.ts';
import { locateTemporalCli } from '../../temporal/locate.ts';
import type { Session } from '../context.ts';
import { followRun } from '../follow-run.ts';
import { printEnd } from '../outcome.ts';
import { OUTAGE } from '../power-kinds.ts';
import { askGuard, findOutage, type PowerRun } from '../read-power.ts';
import { createStyle } from '../render/style.ts';
import { runUrl } from '../temporal.ts';
import { CliError, layoutFor, printLine, type ExitCode, type Terminal } from '../terminal.ts';

export interface SimulateFlags {
  readonly minutes: string;
  readonly scale: string;
}

const NAMESPACE = 'caretaker-simulation';

/** A lab battery charges for hours; nobody wants to watch that. */
const CHARGED = 60;

const LOOK_EVERY_MS = 200;

/**
 * Cuts the mains of a lab of its own, with the real workflows, and brings them back: what happens is followed live, and at
 * the end told once more by the lab itself. Nothing outside this machine is asked for anything.
 */
export async function simulatePower(terminal: Terminal, flags: SimulateFlags): Promise<ExitCode> {
  const minutes = readNumber('--minutes', flags.minutes, 600);
  const scale = readNumber('--scale', flags.scale, 100);
  const teardown = createTeardown();
  try {
    return await simulate(terminal, teardown, { minutes, scale });
  } finally {
    await teardown.run();
  }
}

function readNumber(option: string, text: string, most: number): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0 && number <= most) return number;
  throw new CliError(`${option} ${text}: give a number between 0 and ${most}.`);
}

async function simulate(
  terminal: Terminal,
  teardown: Teardown,
  { minutes, scale }: { readonly minutes: number; readonly scale: number },
): Promise<ExitCode> {
  const { stdout, env } = terminal;
  const say = (text: string): void => printLine(stdout, text);
  const { path: cliPath } = await locateTemporalCli({ say });
  const server = await startDevServer({ cliPath });
  teardown.add('stop Temporal', () => server.stop());
  const roll = await createRollLab({
    site: referenceSite(),
    scale,
    temporalAddress: server.address,
    namespace: NAMESPACE,
  });
  teardown.add('close the lab', () => roll.close());
  say(`A lab that runs ${scale} times faster than life; Web UI ${server.uiUrl ?? 'none'}. The worker starts …`);
  await roll.startWorker({ args: ['power'] });
  const session = await sessionOf(roll, terminal, server.address);
  const { ups } = roll.lab.access;
  const { device } = roll.lab.ups;
  while (!teardown.signal.aborted && !(await seesMains(session, ups.name))) await sleep(LOOK_EVERY_MS);
  say(
    `The mains fail now, for ${minutes} minutes of the lab. The times below are real ones, ${scale} times shorter.\n`,
  );
  device.setMains(false);
  roll.lab.clock.after(minutes * 60_000, () => {
    if (device.charge < CHARGED) device.setCharge(CHARGED);
    device.setMains(true);
  });
  const run = await outageOf(session, ups.name, () => device.mains || teardown.signal.aborted);
  if (run === null) {
    say('Nothing was done: a power cut so short is a blip.');
    return 0;
  }
  const { workflowId, runId } = run;
  const webUi = server.uiUrl === undefined ? null : runUrl(server.uiUrl, NAMESPACE, workflowId, runId);
  const end = await followRun(OUTAGE, roll.client, workflowId, {
    out: stdout,
    tty: stdout.isTTY === true,
    signal: teardown.signal,
    uiUrl: webUi,
    runId,
    env,
  });
  if (end === null) return 1;
  const code = printEnd(OUTAGE, terminal, { workflowId, runId, webUi }, end);
  const style = createStyle(layoutFor(stdout, env).color);
  say(`\n${style.strong('The same as the lab has seen it, by its own clock')}\n${describeLab(roll)}`);
  say(`\n${style.strong('Mails')}\n${roll.lab.mail.messages.map(({ subject }) => `- ${subject}`).join('\n')}`);
  say(`\nThe battery was set to ${CHARGED} % when the mains came back: charging it takes hours.`);
  return code;
}

async function sessionOf(roll: RollLab, terminal: Terminal, address: string): Promise<Session> {
  const config = await loadConfig({ path: roll.configFile, env: roll.env });
  return { client: roll.client, address, namespace: NAMESPACE, config, terminal, close: () => Promise.resolve() };
}

/** The run that answers the outage; null when it is over before there is one. */
async function outageOf(session: Session, ups: string, isOver: () => boolean): Promise<PowerRun | null> {
  let run = await findOutage(session, ups);
  while (run === null && !isOver()) {
    await sleep(LOOK_EVERY_MS);
    run = await findOutage(session, ups);
  }
  return run;
}

/** The guard knows that the mains are there. */
async function seesMains(session: Session, ups: string): Promise<boolean> {
  const answer = await askGuard(session, ups);
  return 'status' in answer && answer.status.verdict?.mains === 'on' && answer.status.reading !== null;
}

const TOLD: Readonly<Record<string, string>> = {
  'mains.off': 'the mains fail',
  'mains.on': 'the mains are back',
  'ups.low': 'the battery is low',
  'ups.off': 'the battery is empty: everything loses its power',
  'guest.stop': 'stops',
  'guest.start': 'starts',
  'node.shutdown': 'begins to shut down',
  'node.off': 'is off',
  'node.boot': 'boots',
  'node.up': 'is up',
};

/** Its event log, in minutes and seconds since the mains failed. */
function describeLab({ lab }: RollLab): string {
  const events = lab.log.of(...Object.keys(TOLD));
  const began = events.find(({ action }) => action === 'mains.off');
  if (began === undefined) return '';
  return events
    .filter(({ seq }) => seq >= began.seq)
    .map((event) => `${sinceThen(event, began)}  ${event.subject} ${TOLD[event.action] ?? event.action}`)
    .join('\n');
}

function sinceThen(event: LabEvent, began: LabEvent): string {
  const seconds = Math.round((Date.parse(event.at) - Date.parse(began.at)) / 1_000);
  return clock(seconds);
}
