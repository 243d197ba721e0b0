import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError, type WorkflowHandle } from '@temporalio/client';
import { expect } from 'vitest';
import { powerOutageId, powerRestoreId } from '../../../domain/ids.ts';
import { Message } from '../../../domain/messages.ts';
import type { OutageProgress, OutageReport } from '../../../domain/outage.ts';
import { upsSpec } from '../../../lab/index.ts';
import type { Site } from '../../../lab/site.ts';
import type { LabPower } from '../../../scripts/lib/lab-config.ts';
import type { RollLab } from '../../../scripts/lib/roll-lab.ts';
import type { PowerOutageResult } from '../../../workflows/power-outage.ts';
import { rollLab } from '../roll-lab.ts';
import { Supervisor, type Supervision } from './boundaries.ts';
import { quickPair } from './disturbed-roll.ts';
import { withEvidence } from './evidence.ts';
import { sceneOf, type Scene } from './judge.ts';
import { noteLooks, type UpsLooks } from './ups-looks.ts';

/** An outage that has not come so far by then hangs. */
const PATIENCE_MS = 300_000;

/** Looks after which a state without an end of its own has lasted. */
const SOME_LOOKS = 5;

/**
 * A pair whose battery lasts: the clock of the lab goes forty times as fast as that of the worker, which is away for
 * seconds. One guest is started by nobody but Caretaker.
 */
function outageSite(): Site {
  const pair = quickPair();
  const guests = pair.guests.map((guest) => (guest.name === 'vm-2' ? { ...guest, onboot: false } : guest));
  return { ...pair, guests, ups: upsSpec({ batteryWattHours: 12_000 }) };
}

export interface OutageOptions extends Pick<Supervision, 'course' | 'killAt' | 'killOn'> {
  readonly power?: LabPower;
  /** Where Temporal is; the one that all tests share by default. */
  readonly temporalAddress?: string;
}

/** An outage of a lab of its own, while it lasts. */
export interface LabOutage {
  readonly roll: RollLab;
  readonly supervisor: Supervisor;
  readonly looks: UpsLooks;
  /** As it was before. */
  readonly before: Scene;
  readonly outage: WorkflowHandle<() => Promise<PowerOutageResult>>;
  setMains(on: boolean): void;
  /** Waits until the UPS has been looked at some times more. */
  watched(): Promise<void>;
  /** Waits until a run says so of itself. */
  until(run: 'outage' | 'return', matches: (progress: OutageProgress) => boolean): Promise<void>;
  /** Waits for the end, and until nothing is left to be mailed. */
  report(): Promise<OutageReport>;
}

/** Lives through an outage, with a worker that is started again whenever it ends. A failure names its evidence. */
export async function liveOutage<T>(options: OutageOptions, live: (outage: LabOutage) => Promise<T>): Promise<T> {
  const { power = {}, temporalAddress, ...supervision } = options;
  const roll = await rollLab({
    site: outageSite(),
    power: { ...power, timeouts: { yield: '100 ms', ...power.timeouts } },
    ...(temporalAddress ? { temporalAddress } : {}),
  });
  const supervisor = new Supervisor(roll, { ...supervision, queue: 'power' });
  let report: OutageReport | undefined;
  try {
    const outage = openOutage(roll, supervisor);
    await supervisor.start();
    return await live({ ...outage, report: async () => (report = await outage.report()) });
  } catch (error) {
    throw await withEvidence(error, { roll, supervisor, end: report });
  } finally {
    supervisor.end();
    await roll.close();
  }
}

function openOutage(roll: RollLab, supervisor: Supervisor): LabOutage {
  const { lab, client } = roll;
  const { name } = lab.access.ups;
  const outage = client.workflow.getHandle<() => Promise<PowerOutageResult>>(powerOutageId(name));
  const runs = { outage, return: client.workflow.getHandle(powerRestoreId(name)) };
  const looks = noteLooks(lab);
  return {
    roll,
    supervisor,
    looks,
    before: sceneOf(lab),
    outage,
    setMains: (on) => lab.ups.device.setMains(on),
    async watched() {
      const { length } = looks.at;
      await patiently('looks at the UPS', () => looks.at.length >= length + SOME_LOOKS);
    },
    until: (run, matches) =>
      patiently(`${run}: ${matches.toString()}`, async () =>
        matches(await runs[run].query<OutageProgress>(Message.progress)),
      ),
    async report() {
      let report: OutageReport | undefined;
      await patiently('the end', async () => {
        ({ report } = await outage.result());
        return true;
      });
      await patiently('its report by mail', () => lab.mail.messages.some(({ subject }) => REPORT.test(subject)));
      await patiently('all other mails', async () => (await client.workflow.count(MAILS)).count === 0);
      if (report === undefined) throw new Error('The outage has no report.');
      return report;
    },
  };
}

/** Subjects of the mail that ends an outage. */
const REPORT = /^(Power cut of .* is over|TO DO: after the power cut|ABORTED: power cut)/;

const MAILS = `WorkflowType = "deliverMail" AND ExecutionStatus = "Running"`;

/** Looks until it is so, through whatever keeps a run or Temporal from answering. */
async function patiently(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const answer = await Promise.race([lookOnce(look), sleep(deadline - Date.now(), false, { ref: false })]);
    if (answer) return;
    await sleep(50);
  }
  throw new Error(`It has not come to this within ${PATIENCE_MS / 1_000} seconds: ${what}`);
}

async function lookOnce(look: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await look();
  } catch (error) {
    // No such run yet, nobody to answer, or no Temporal.
    if (error instanceof ServiceError || (error instanceof Error && /NotFound|QueryNotRegistered/.test(error.name)))
      return false;
    throw error;
  }
}

/** Whatever was to be killed has been. */
export function expectKilled({ supervisor }: LabOutage): void {
  expect(supervisor.missed, `killed at ${supervisor.kills.join(', ')}`).toBe(0);
}
