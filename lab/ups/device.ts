import type { LabContext } from '../core/context.ts';
import type { UpsSpec } from './spec.ts';
import { DESCRIPTIONS, WRITABLE } from './variables.ts';

/** Something that hangs on the UPS. */
export interface Load {
  /** Watts at this moment. */
  watts(): number;
  /** The UPS has no more power for it. */
  powerLost(reason: string): void;
}

/** A change of the mains: virtual milliseconds from now. */
export interface MainsChange {
  readonly afterMs: number;
  readonly mains: boolean;
}

/**
 * A line-interactive UPS with a battery that the load in watts empties and the mains fill again. It turns its output off
 * when the battery is empty and on again when the mains are back. Nothing ticks: the state of a moment is worked out when
 * something changes or somebody asks.
 */
export class UpsDevice {
  readonly spec: UpsSpec;
  /** `ups/<name>`, as the event log has it. */
  readonly subject: string;
  readonly #context: LabContext;
  readonly #loads: Load[] = [];
  readonly #settings = new Map<string, string>(Object.entries(WRITABLE).map(([name, { value }]) => [name, value]));
  readonly #reported = new Map<string, string | null>();
  readonly #listeners: ((on: boolean) => void)[] = [];
  #mains = true;
  #output = true;
  /** Watt-hours left in the battery. */
  #energy: number;
  #watts = 0;
  #at: number;
  #low = false;
  #cancelNext = (): void => undefined;

  constructor(context: LabContext, spec: UpsSpec) {
    this.#context = context;
    this.spec = spec;
    this.subject = `ups/${spec.name}`;
    this.#energy = spec.batteryWattHours;
    this.#at = context.clock.now();
    this.#watts = spec.otherWatts;
  }

  get mains(): boolean {
    return this.#mains;
  }

  /** Whether what hangs on it has power. */
  get output(): boolean {
    return this.#output;
  }

  /** Percent */
  get charge(): number {
    this.update();
    return (100 * this.#energy) / this.spec.batteryWattHours;
  }

  /** Seconds that the battery lasts with the load of this moment. */
  get runtime(): number {
    this.update();
    return (3600 * this.#energy) / Math.max(this.#watts, 1);
  }

  attach(load: Load): void {
    this.#loads.push(load);
    this.update();
  }

  /** Called with every change of the output. */
  onOutput(listener: (on: boolean) => void): void {
    this.#listeners.push(listener);
  }

  setMains(on: boolean): void {
    if (this.#mains === on) return;
    this.update();
    this.#mains = on;
    this.#context.log.record('lab', on ? 'mains.on' : 'mains.off', this.subject);
    if (on && !this.#output) this.setOutput(true, 'the mains are back');
    this.update();
  }

  /** Plays changes of the mains, such as an outage: off after 10 s, back after 20 minutes. */
  script(changes: readonly MainsChange[]): void {
    for (const { afterMs, mains } of changes) this.#context.clock.after(afterMs, () => this.setMains(mains));
  }

  /** As if it had been discharged or charged before, to so many percent. */
  setCharge(percent: number): void {
    this.update();
    this.#energy = (this.spec.batteryWattHours * percent) / 100;
    this.update();
  }

  /** Says something else than it is: a value, or `null` for a variable that it does not have. */
  report(name: string, value: string | null): void {
    this.#reported.set(name, value);
  }

  /** Says what is again. */
  reportTruly(name: string): void {
    this.#reported.delete(name);
  }

  set(name: string, value: string): void {
    this.#settings.set(name, value);
    this.update();
  }

  setOutput(on: boolean, reason: string): void {
    if (this.#output === on) return;
    this.#output = on;
    this.#context.log.record('lab', on ? 'ups.on' : 'ups.off', this.subject, { reason });
    for (const listener of this.#listeners) listener(on);
    if (!on) for (const load of this.#loads) load.powerLost(reason);
    this.update();
  }

  /** What its driver knows, by the names of NUT. */
  variables(): ReadonlyMap<string, string> {
    const charge = Math.round(this.charge);
    const { spec } = this;
    const voltage = spec.nominalVolts;
    const found = new Map<string, string>([
      ['battery.charge', `${charge}`],
      ['battery.charge.warning', '20'],
      ['battery.runtime', `${Math.floor(this.runtime)}`],
      ['battery.type', 'PbAcid'],
      ['battery.voltage', (20 + 0.07 * charge).toFixed(1)],
      ['battery.voltage.nominal', '24'],
      ['device.mfr', spec.manufacturer],
      ['device.model', spec.model],
      ['device.serial', 'LAB0000001'],
      ['device.type', 'ups'],
      ['driver.name', 'usbhid-ups'],
      ['driver.parameter.pollinterval', '2'],
      ['driver.parameter.port', 'auto'],
      ['driver.version', '2.8.0'],
      ['input.voltage', this.#mains ? `${voltage}.0` : '0.0'],
      ['input.voltage.nominal', `${voltage}`],
      ['output.voltage', this.#output ? `${voltage}.0` : '0.0'],
      ['ups.load', `${Math.round((100 * this.#watts) / spec.watts)}`],
      ['ups.mfr', spec.manufacturer],
      ['ups.model', spec.model],
      ['ups.power.nominal', `${spec.voltAmperes}`],
      ['ups.productid', '0601'],
      ['ups.realpower', `${Math.round(this.#watts)}`],
      ['ups.realpower.nominal', `${spec.watts}`],
      ['ups.status', this.#status()],
      ['ups.timer.shutdown', '-60'],
      ['ups.timer.start', '-60'],
      ['ups.vendorid', '0764'],
      ...this.#settings,
    ]);
    for (const [name, value] of this.#reported) {
      if (value === null) found.delete(name);
      else found.set(name, value);
    }
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  describe(name: string): string {
    return DESCRIPTIONS[name] ?? 'Description unavailable';
  }

  /** Works out what has happened since the last time, with the load that there was. */
  update(): void {
    const { clock, log } = this.#context;
    const now = clock.now();
    const hours = (now - this.#at) / 3_600_000;
    this.#at = now;
    if (this.#mains) {
      this.#energy = Math.min(this.spec.batteryWattHours, this.#energy + this.spec.chargerWatts * hours);
    } else if (this.#output) {
      this.#energy = Math.max(0, this.#energy - this.#watts * hours);
    }
    this.#watts = this.#output ? this.#loads.reduce((sum, load) => sum + load.watts(), this.spec.otherWatts) : 0;
    const low = this.#energy <= this.#lowEnergy();
    if (low && !this.#low) log.record('lab', 'ups.low', this.subject, { charge: this.#percent() });
    this.#low = low;
    this.#cancelNext();
    if (this.#mains || !this.#output) return;
    if (this.#energy <= 0) return this.setOutput(false, 'the battery is empty');
    const next = this.#energy - (low ? 0 : this.#lowEnergy());
    if (this.#watts > 0)
      this.#cancelNext = clock.after(Math.ceil((next / this.#watts) * 3_600_000), () => this.update());
  }

  #percent(): number {
    return Math.round((100 * this.#energy) / this.spec.batteryWattHours);
  }

  /** Watt-hours below which the battery is low: of its thresholds in percent and in seconds that which is met first. */
  #lowEnergy(): number {
    const percent = Number(this.#settings.get('battery.charge.low'));
    const seconds = this.#mains ? 0 : Number(this.#settings.get('battery.runtime.low'));
    return Math.max((this.spec.batteryWattHours * percent) / 100, (this.#watts * seconds) / 3600);
  }

  #status(): string {
    const battery = this.#low ? ' LB' : '';
    const output = this.#output ? '' : ' OFF';
    if (!this.#mains) return `OB DISCHRG${battery}${output}`;
    return `OL${this.#energy < this.spec.batteryWattHours ? ' CHRG' : ''}${battery}${output}`;
  }
}
