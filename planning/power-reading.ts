import { parseStatus, type Measurement, type PowerReading } from '../domain/power.ts';

/** Reads the variables of a UPS, by their names in NUT. What makes no sense is absent, never a guess. */
export function readPower(variables: ReadonlyMap<string, string>): PowerReading {
  return {
    status: parseStatus(variables.get('ups.status') ?? ''),
    charge: measure(variables, 'battery.charge', 100),
    runtime: measure(variables, 'battery.runtime'),
    load: measure(variables, 'ups.load'),
    inputVoltage: measure(variables, 'input.voltage'),
  };
}

/** More than nine digits is no measurement of anything here. */
const NUMBER = /^-?\d{1,9}(\.\d+)?$/;

function measure(variables: ReadonlyMap<string, string>, name: string, most = Infinity): Measurement {
  const text = variables.get(name)?.trim();
  if (text === undefined) return { absent: `the UPS does not report ${name}` };
  if (!NUMBER.test(text)) return { absent: `${name} is '${text.slice(0, 40)}', which is no number` };
  const value = Number(text);
  if (value < 0 || value > most) return { absent: `${name} is ${text}, which cannot be` };
  return { value };
}
