/** A variable that can be set, with its value at the beginning and what it may be (`GET TYPE`, `LIST ENUM`, `LIST RANGE`). */
export interface Writable {
  readonly value: string;
  /** Longest text. */
  readonly length?: number;
  readonly oneOf?: readonly string[];
  readonly range?: readonly [least: number, most: number];
}

export const WRITABLE: Readonly<Record<string, Writable>> = {
  'battery.charge.low': { value: '10', length: 10 },
  'battery.runtime.low': { value: '300', length: 10 },
  'input.sensitivity': { value: 'normal', oneOf: ['low', 'normal', 'high'] },
  'input.transfer.low': { value: '170', range: [160, 180] },
  'ups.delay.shutdown': { value: '20', length: 10 },
  'ups.delay.start': { value: '30', length: 10 },
  'ups.id': { value: '', length: 32 },
};

/** What can be set otherwise: by a command. */
export const COMMANDS: Readonly<Record<string, string>> = {
  'beeper.disable': 'Disable the UPS beeper',
  'beeper.enable': 'Enable the UPS beeper',
  'beeper.mute': 'Temporarily mute the UPS beeper',
  'load.off': 'Turn off the load immediately',
  'load.on': 'Turn on the load immediately',
  'test.battery.start.quick': 'Start a quick battery test',
};

export const DESCRIPTIONS: Readonly<Record<string, string>> = {
  'battery.charge': 'Battery charge (percent of full)',
  'battery.charge.low': 'Remaining battery level when UPS switches to LB (percent)',
  'battery.runtime': 'Battery runtime (seconds)',
  'battery.runtime.low': 'Remaining battery runtime when UPS switches to LB (seconds)',
  'input.voltage': 'Input voltage (V)',
  'ups.id': 'UPS system identifier',
  'ups.load': 'Load on UPS (percent of full)',
  'ups.status': 'UPS status',
};

/** The error of upsd for a value that cannot be, or undefined. */
export function whyNotSettable(writable: Writable | undefined, exists: boolean, value: string): string | undefined {
  if (!exists) return 'VAR-NOT-SUPPORTED';
  if (writable === undefined) return 'READONLY';
  if (writable.length !== undefined && value.length > writable.length) return 'TOO-LONG';
  if (writable.oneOf?.includes(value) === false) return 'INVALID-VALUE';
  const [least, most] = writable.range ?? [-Infinity, Infinity];
  const number = Number(value);
  return writable.range !== undefined && !(number >= least && number <= most) ? 'INVALID-VALUE' : undefined;
}

/** The type of a variable as `GET TYPE` has it. */
export function typeOf(writable: Writable | undefined): string {
  if (writable === undefined) return 'NUMBER';
  if (writable.oneOf !== undefined) return 'RW ENUM';
  return writable.range === undefined ? `RW STRING:${writable.length}` : 'RW RANGE';
}
