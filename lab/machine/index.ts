import type { LabContext } from '../core/context.ts';
import type { CreateMachine } from '../core/machine.ts';
import { LabMachine } from './machine.ts';

export { ensureSshClientKey } from './keys.ts';
export { defaultKernels, defaultPackages } from './catalog.ts';

/** Machines that live in `context.directory`: their keys and SSH ports stay the same there, their disks start empty. */
export function createMachines(context: LabContext): CreateMachine {
  return async (options) => {
    const machine = new LabMachine(context, options);
    await machine.start();
    return machine;
  };
}
