import type { TestProject } from 'vitest/node';
import { ensureDebian } from '../real/machine/debian.ts';
import { ensureNut, ensureNutClientArchives } from '../real/machine/nut-packages.ts';
import { whyNoRealHosts } from '../real/machine/tools.ts';
import type {} from './provided.ts';

/** Looks whether there can be real hosts on this machine, and makes what they are booted from; the same for NUT. */
export default async function setup(project: TestProject): Promise<void> {
  const reason = await whyNoRealHosts();
  if (reason !== null) process.stderr.write(`The tests on real hosts and with a real NUT are skipped. ${reason}\n`);
  const debian = reason === null ? await ensureDebian() : null;
  project.provide('debian', debian);
  project.provide('nutClientArchives', debian === null ? [] : await ensureNutClientArchives(debian));
  project.provide('nut', reason === null ? await ensureNut() : null);
}
