import { describeMilliseconds } from '../domain/duration.ts';
import type { OutagePlan } from '../domain/outage.ts';
import type { PowerPlan, TimeLineStep } from '../domain/power-plan.ts';
import type { PowerRules } from '../domain/power.ts';
import { plain, type Block, type Item, type ReportDocument, type Section, type Text } from './document.ts';
import { clock } from './outage-document.ts';
import { describeReading } from './outage-mail.ts';
import { pointInTime, sentence, sentences } from './words.ts';

/** What a power cut would do, for people. */
export function powerPlanDocument({ cluster, ups, madeAt, reading, rules, plan, timeLine }: PowerPlan): ReportDocument {
  const warnings = [...timeLine.warnings, ...plan.warnings];
  return {
    title: `A power cut of ${cluster} that begins now and does not end`,
    outcome:
      warnings.length === 0
        ? { text: '✔ planned, nothing was changed', tone: 'good' }
        : { text: '! planned; see what is worth knowing', tone: 'caution' },
    summary: [],
    facts: [
      [
        'UPS',
        `${ups}: ${reading === null ? 'does not answer' : `${reading.status.join(' ')}, ${describeReading(reading)}`}`,
      ],
      ['Made', pointInTime(madeAt)],
    ],
    sections: [
      timeLineSection(timeLine.steps, timeLine.expectation),
      quorumSection(plan),
      returnSection(rules),
      ...warningsSection(warnings),
    ],
  };
}

function timeLineSection(steps: readonly TimeLineStep[], expectation: string): Section {
  const table: Block = {
    kind: 'table',
    columns: [
      { title: 'On battery', align: 'right' },
      { title: 'Charge', align: 'right' },
      { title: 'Left', align: 'right' },
      { title: 'What happens', flexible: true },
    ],
    rows: steps.map(({ at, phase, what, because, charge, runtime }): Text[] => [
      plain(clock(at)),
      plain(charge === null ? '–' : `${charge} %`),
      plain(runtime === null ? '–' : clock(runtime)),
      { text: because === null ? what : `${what}. Why then: ${because}`, tone: TONES[phase] },
    ]),
  };
  return {
    title: plain('Time line'),
    blocks: [table, { kind: 'text', text: sentence(`Charge and what is left are expected: ${expectation}`) }],
  };
}

const TONES: Readonly<Record<TimeLineStep['phase'], Text['tone']>> = {
  normal: 'plain',
  hold: 'plain',
  shed: 'caution',
  final: 'bad',
  empty: 'faint',
};

function quorumSection({ shed, final }: OutagePlan): Section {
  const texts = [
    ...(shed.refused === null ? [] : [`Phase 2 sheds nothing: ${shed.refused}`]),
    ...(shed.refused === null && shed.quorum !== null ? [`Phase 2: ${shed.quorum.explanation}`] : []),
    ...(shed.disarmHa ? ['HA is disarmed before the first node leaves, and armed again in the return'] : []),
    ...(final.togetherIfArmed
      ? [
          'Phase 3: unless HA can be disarmed, all nodes are told to shut down at the same moment, so that no watchdog resets the last one',
        ]
      : []),
  ];
  return sentences('Quorum', texts.length === 0 ? ['No node leaves before phase 3'] : texts);
}

function returnSection({ holdDown, restore }: PowerRules): Section {
  const seconds = (amount: number): string => describeMilliseconds(amount * 1_000);
  return sentences('When the mains come back', [
    `Held for ${seconds(holdDown)}, they count as back, and no further step is taken`,
    `Held for ${seconds(restore.after)}, with a charge of ${restore.charge} % (or for ${seconds(restore.withoutCharge)}, where the UPS tells no charge), nodes are woken and everything is as before`,
  ]);
}

function warningsSection(warnings: readonly string[]): Section[] {
  if (warnings.length === 0) return [];
  const items = warnings.map((text): Item => ({ text: `! ${sentence(text)}`, tone: 'caution' }));
  return [{ title: plain('Worth knowing'), blocks: [{ kind: 'items', items }] }];
}
