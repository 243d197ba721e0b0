import { hasWord, type PowerCondition, type PowerNotice, type PowerSample } from '../domain/power.ts';
import { isDischargingOnMains } from './power-class.ts';

/** Milliseconds that something must have lasted before people hear of it, and be gone before it counts as over. */
const BEFORE_TOLD = 3_000;
const BEFORE_OVER = 60_000;

/** What is worth telling in this look alone. `silent`: milliseconds without an answer. */
function noticesIn({ reading, trouble }: PowerSample, silent: number, silence: number): PowerNotice[] {
  if (trouble?.kind === 'config') return [{ code: 'ups-config', text: trouble.text }];
  if (reading === null) {
    return silent >= silence * 1_000 ? [{ code: 'ups-silent', text: trouble?.text ?? 'the UPS does not answer' }] : [];
  }
  const { status, charge, runtime } = reading;
  const notices: PowerNotice[] = [];
  const says = (word: string): boolean => hasWord(status, word);
  if (!says('OL') && !says('OB')) {
    if (silent < silence * 1_000) return [];
    return [{ code: 'ups-silent', text: `the UPS says "${status.join(' ')}", which tells nothing of the mains` }];
  }
  if (says('FSD') && says('OL')) {
    notices.push({
      code: 'fsd-latched',
      text: 'the NUT server still orders a shutdown (FSD) although the mains are there; restart upsd on its host',
    });
  }
  if (says('RB')) notices.push({ code: 'battery-replace', text: 'the UPS wants a new battery (RB)' });
  if (says('OL') && says('LB')) {
    notices.push({ code: 'battery-low-on-mains', text: 'the battery is low (LB) while it is charged' });
  }
  if (isDischargingOnMains(status)) {
    notices.push({
      code: 'discharging-on-mains',
      text: 'the UPS discharges its battery on mains (OL DISCHRG); if it does so in power cuts, set power.onlineDischarge: on-battery',
    });
  }
  if (says('OVER')) notices.push({ code: 'overload', text: 'the UPS is overloaded (OVER)' });
  if (says('OFF')) notices.push({ code: 'output-off', text: 'the output of the UPS is off (OFF)' });
  if ('absent' in charge) notices.push({ code: 'no-charge', text: `${charge.absent}: no phase begins by charge` });
  if ('absent' in runtime) notices.push({ code: 'no-runtime', text: `${runtime.absent}: no phase begins by runtime` });
  return notices;
}

/** A mistake in the configuration needs no second look. */
function timeBeforeTold({ code }: PowerNotice): number {
  return code === 'ups-config' || code === 'ups-silent' ? 0 : BEFORE_TOLD;
}

/** Follows what comes and goes, so that a word that flickers is told once. */
export function followConditions(
  before: readonly PowerCondition[],
  sample: PowerSample,
  { silent, silence }: { readonly silent: number; readonly silence: number },
): PowerCondition[] {
  const now = noticesIn(sample, silent, silence);
  const known = before.flatMap((condition): PowerCondition[] => {
    const notice = now.find(({ code }) => code === condition.notice.code);
    if (notice === undefined) {
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
