import {
  hasWord,
  type PowerCondition,
  type PowerNotice,
  type PowerReading,
  type PowerRules,
  type PowerSample,
} from '../domain/power.ts';
import { isDischargingOnMains, runtimeOf } from './power-class.ts';

/** Milliseconds that something must have lasted before people hear of it, and be gone before it counts as over. */
const BEFORE_TOLD = 3_000;
const BEFORE_OVER = 60_000;

/** What may be told, and for how long (milliseconds) there was no answer. */
interface Circumstances {
  readonly silent: number;
  readonly rules: Pick<PowerRules, 'silence' | 'onlineDischarge'>;
}

/** What is worth telling in this look alone. */
function noticesIn({ reading, trouble }: PowerSample, { silent, rules }: Circumstances): PowerNotice[] {
  if (trouble?.kind === 'config') return [{ code: 'ups-config', text: trouble.text }];
  if (silent >= rules.silence * 1_000) {
    const said = `the UPS says "${reading?.status.join(' ')}", which tells nothing of the mains`;
    return [{ code: 'ups-silent', text: reading === null ? (trouble?.text ?? 'the UPS does not answer') : said }];
  }
  return reading === null ? [] : noticesOfReading(reading, rules);
}

function noticesOfReading(reading: PowerReading, { onlineDischarge }: Circumstances['rules']): PowerNotice[] {
  const { status, charge, runtime } = reading;
  const says = (word: string): boolean => hasWord(status, word);
  const notices: PowerNotice[] = [];
  if (says('FSD') && !says('OB')) {
    notices.push({
      code: 'fsd-latched',
      text: 'the NUT server orders a shutdown (FSD) and the UPS is not on battery; if nobody wants it, restart upsd on its host',
    });
  }
  if (!tellsOfMains(reading)) return notices;
  if (says('RB')) notices.push({ code: 'battery-replace', text: 'the UPS wants a new battery (RB)' });
  if (says('LB') && !says('OB')) {
    notices.push({ code: 'battery-low-on-mains', text: 'the battery is low (LB) although the mains are there' });
  }
  if (onlineDischarge === 'online' && isDischargingOnMains(status)) {
    notices.push({
      code: 'discharging-on-mains',
      text: 'the UPS discharges its battery on mains (OL DISCHRG); if it does so in power cuts, set power.onlineDischarge: on-battery',
    });
  }
  if (says('OVER')) notices.push({ code: 'overload', text: 'the UPS is overloaded (OVER)' });
  if (says('OFF')) notices.push({ code: 'output-off', text: 'the output of the UPS is off (OFF)' });
  if ('absent' in charge) notices.push({ code: 'no-charge', text: `${charge.absent}: no phase begins by charge` });
  if (runtimeOf(reading) === null) {
    const why = 'absent' in runtime ? runtime.absent : 'battery.runtime is 0 although the battery is full';
    notices.push({ code: 'no-runtime', text: `${why}: no phase begins by runtime` });
  }
  return notices;
}

function tellsOfMains({ status }: PowerReading): boolean {
  return hasWord(status, 'OL') || hasWord(status, 'OB');
}

/** Said of the answers of the UPS, and not by it. */
function isOfAnswers({ code }: PowerNotice): boolean {
  return code === 'ups-config' || code === 'ups-silent';
}

/** A mistake in the configuration needs no second look, and a silence has lasted already. */
function timeBeforeTold(notice: PowerNotice): number {
  return isOfAnswers(notice) ? 0 : BEFORE_TOLD;
}

/** Follows what comes and goes, so that a word that flickers is told once. */
export function followConditions(
  before: readonly PowerCondition[],
  sample: PowerSample,
  circumstances: Circumstances,
): PowerCondition[] {
  const now = noticesIn(sample, circumstances);
  const isKnown = sample.reading !== null && tellsOfMains(sample.reading);
  const known = before.flatMap((condition): PowerCondition[] => {
    const notice = now.find(({ code }) => code === condition.notice.code);
    if (notice === undefined) {
      // Who says nothing takes nothing back.
      if (!isKnown && !isOfAnswers(condition.notice)) return [condition];
      const absent = condition.absent + sample.sinceLast;
      return condition.told && absent < BEFORE_OVER ? [{ ...condition, absent }] : [];
    }
    const present = condition.present + sample.sinceLast;
    return [{ notice, present, absent: 0, told: condition.told || present >= timeBeforeTold(notice) }];
  });
  const fresh = now.filter(({ code }) => !before.some(({ notice }) => notice.code === code));
  return [...known, ...fresh.map((notice) => ({ notice, present: 0, absent: 0, told: timeBeforeTold(notice) === 0 }))];
}

export function noticesOf(conditions: readonly PowerCondition[]): PowerNotice[] {
  return conditions.filter(({ told }) => told).map(({ notice }) => notice);
}
