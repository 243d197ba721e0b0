import { hasWord, type PowerClass, type PowerReading, type PowerRules, type StatusWords } from '../domain/power.ts';

/** Volts at the input above which the mains are there, whatever the UPS does with its battery. */
const MAINS_VOLTS = 60;

/**
 * What a reading comes to. `FSD` goes before `LB`, and `OB` before `OL`: a UPS that says both is on battery. While it
 * calibrates or tests its battery with mains at its input, it is online, whatever it calls that.
 */
export function classOf(reading: PowerReading | null, rules: Pick<PowerRules, 'onlineDischarge'>): PowerClass {
  if (reading === null) return 'unknown';
  const { status } = reading;
  if (hasWord(status, 'FSD')) return 'fsd';
  if (isOnBattery(reading, rules)) return hasWord(status, 'LB') ? 'low' : 'on-battery';
  return hasWord(status, 'OL') || isTrying(reading) ? 'online' : 'unknown';
}

/**
 * Seconds that the battery lasts; null where the UPS reports none. A full battery without any runtime is a UPS that does
 * not measure it.
 */
export function runtimeOf({ runtime, charge }: PowerReading): number | null {
  if (!('value' in runtime)) return null;
  return runtime.value === 0 && 'value' in charge && charge.value > 90 ? null : runtime.value;
}

/** The mains are there by its own word; an order to shut down (FSD) may stand all the same. */
export function isOnMains(reading: PowerReading, rules: Pick<PowerRules, 'onlineDischarge'>): boolean {
  return !isOnBattery(reading, rules) && (hasWord(reading.status, 'OL') || isTrying(reading));
}

/** By its own word. An order to shut down may stand without one of either: `FSD WAIT`, while its driver starts. */
export function isOnBattery(reading: PowerReading, { onlineDischarge }: Pick<PowerRules, 'onlineDischarge'>): boolean {
  const { status } = reading;
  if (isTrying(reading)) return hasWord(status, 'OB') && hasWord(status, 'LB');
  if (hasWord(status, 'OB')) return true;
  return onlineDischarge === 'on-battery' && isDischargingOnMains(status);
}

/** `OL DISCHRG` without a calibration to explain it. */
export function isDischargingOnMains(status: StatusWords): boolean {
  return hasWord(status, 'OL') && hasWord(status, 'DISCHRG') && !hasWord(status, 'CAL') && !hasWord(status, 'TEST');
}

function isTrying({ status, inputVoltage }: PowerReading): boolean {
  if (!hasWord(status, 'CAL') && !hasWord(status, 'TEST')) return false;
  return hasWord(status, 'OL') || ('value' in inputVoltage && inputVoltage.value >= MAINS_VOLTS);
}
