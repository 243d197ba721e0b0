import type { LabContext } from '../core/context.ts';
import type { Machine, MachineOptions } from '../core/machine.ts';
import type { Containers } from './containers.ts';
import type { Kernels } from './kernels.ts';
import type { PackageDatabase } from './packages.ts';
import type { Shell } from './shell.ts';
import type { Units } from './units.ts';

/** What the built-in commands see of the machine they run on. */
export interface System extends Machine {
  readonly options: MachineOptions;
  readonly context: LabContext;
  readonly kernels: Kernels;
  readonly database: PackageDatabase;
  readonly units: Units;
  readonly shell: Shell;
  /** The Docker daemon, where there is one. */
  readonly containers: Containers | undefined;
  /** Packages in `/run/reboot-required.pkgs`. */
  readonly rebootAsked: Set<string>;
  /** Down in a moment, so that the caller still gets its answer. */
  requestShutdown(options: { reboot: boolean; actor: string; command: string }): void;
  packageConfigured(name: string, version: string, actor: string): void;
}
