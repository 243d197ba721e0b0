/**
 * How long it takes to patch some hosts, and what it costs: `npm run bench:patch -- --hosts 8 --rounds 3`. Needs Linux, root,
 * apt, python3 with venv, an SSH client, and PyPI for Ansible.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ensureDebian, ownIndex } from '../../real/machine/debian.ts';
import type { Index } from '../../real/machine/repository.ts';
import { createSite } from '../../real/machine/site.ts';
import { whyNoRealHosts } from '../../real/machine/tools.ts';
import { caretaker } from './caretaker.ts';
import { ansible, bare, type Contender, type Result } from './contenders.ts';
import { createFleet } from './fleet.ts';
import { createMeter } from './meter.ts';
import { renderTable } from './table.ts';

const { values } = parseArgs({
  options: { hosts: { type: 'string', default: '8' }, rounds: { type: 'string', default: '3' } },
});
const size = Number(values.hosts);
const rounds = Number(values.rounds);
const contenders = [bare, ansible, caretaker];

const reason = await whyNoRealHosts();
if (reason !== null) throw new Error(reason);
const debian = await ensureDebian(['python3', 'python3-apt']);
const text = await ownIndex();
// The one of last week lacks the first package, so that all have to fetch the whole of today's.
const lastWeek = indexOf(text.slice(text.indexOf('\n\n') + 2));
const today = indexOf(text);

const results = new Map<string, Result[]>();
for (let round = 1; round <= rounds; round += 1) {
  for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
    const result = await contest(contender);
    results.set(contender.name, [...(results.get(contender.name) ?? []), result]);
    process.stderr.write(`Round ${round} of ${rounds}: ${contender.name} took ${result.seconds.toFixed(1)} s.\n`);
  }
}
const packages = text.match(/^Package: /gm)?.length ?? 0;
process.stdout.write(
  `\n${size} hosts on this machine with ${cpus().length} processors, lists of ${packages} packages, medians of ${rounds} rounds:\n\n` +
    renderTable(contenders.map(({ name }) => ({ name, results: results.get(name) ?? [] }))),
);

function indexOf(content: string): Index {
  return { text: content, compressed: gzipSync(content) };
}

/** One contender on hosts that are made for it alone. */
async function contest(contender: Contender): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
  const site = await createSite();
  const meter = createMeter(site);
  try {
    const fleet = await createFleet(site, { size, debian, lastWeek, today, folder });
    try {
      const result = await contender.run({ site, fleet, meter, folder });
      await fleet.check();
      return result;
    } finally {
      await fleet.close();
    }
  } finally {
    meter.close();
    await site.close();
    await rm(folder, { recursive: true, force: true });
  }
}
