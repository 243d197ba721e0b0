/** A UPS as data. */
export interface UpsSpec {
  /** As NUT knows it. */
  readonly name: string;
  readonly description: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly voltAmperes: number;
  readonly watts: number;
  readonly nominalVolts: number;
  /** What a full battery gives. */
  readonly batteryWattHours: number;
  readonly chargerWatts: number;
  /** What each node draws while it is not off, and when it is (its BMC). */
  readonly nodeWatts: number;
  readonly nodeOffWatts: number;
  /** Switch, router and the computer that runs the NUT server. */
  readonly otherWatts: number;
}

/** The UPS of the reference site: two nodes and the rest draw 380 W, for which it has power for 19 minutes. */
export function upsSpec(overrides: Partial<UpsSpec> = {}): UpsSpec {
  return {
    name: 'ups',
    description: 'CyberPower in the rack',
    manufacturer: 'CPS',
    model: 'PR1500ERT2U',
    voltAmperes: 1500,
    watts: 1350,
    nominalVolts: 230,
    batteryWattHours: 120,
    chargerWatts: 45,
    nodeWatts: 160,
    nodeOffWatts: 8,
    otherWatts: 60,
    ...overrides,
  };
}
