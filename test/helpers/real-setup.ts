import type { TestProject } from 'vitest/node';
import { ensureIpmitool, ensureNut, ensureNutClientArchives } from '../real/machine/apt-packages.ts';
import { ensureDebian } from '../real/machine/debian.ts';
import { whyNoRealHosts } from '../real/machine/tools.ts';
import type {} from './provided.ts';

/** Looks whether there can be real hosts on this machine, and makes what they are booted from; the same for NUT and ipmitool. */
export default async function setup(project: TestProject): Promise<void> {
  const reason = await whyNoRealHosts();
  if (reason !== null)
    process.stderr.write(`The tests on real hosts, with a real NUT and with ipmitool are skipped. ${reason}\n`);
  const debian = reason === null ? await ensureDebian() : null;
  project.provide('debian', debian);
  project.provide('nutClientArchives', debian === null ? [] : await ensureNutClientArchives(debian));
  project.provide('nut', reason === null ? await ensureNut() : null);
  project.provide('ipmitool', reason === null ? await ensureIpmitool() : null);
}
