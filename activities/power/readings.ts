import type { PowerSettings } from '../../domain/outage.ts';
import type { PowerReading } from '../../domain/power.ts';
import { ask } from './ask.ts';
import type { PowerDeps } from './deps.ts';

export interface PowerNow {
  readonly reading: PowerReading | null;
  /** Why there is none. */
  readonly trouble: string | null;
}

export function createReadingActivities({ power }: PowerDeps) {
  return {
    /** The section `power` of the configuration. Fails with `InvalidInput` where there is none. */
    loadPowerSettings(): Promise<PowerSettings> {
      return Promise.resolve().then(power.settings);
    },

    /** One look at the UPS (`LIST VAR`). */
    async readPowerNow(): Promise<PowerNow> {
      const answer = await ask((signal) => power.ups.read(signal));
      return 'value' in answer
        ? { reading: answer.value, trouble: null }
        : { reading: null, trouble: answer.trouble.message };
    },
  };
}
