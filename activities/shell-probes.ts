import { sh, type SshExec } from '../clients/ssh/index.ts';
import { toMilliseconds } from '../domain/duration.ts';
import type { Probe } from '../domain/probe.ts';
import { NotWell } from './not-well.ts';

const MAX_OUTPUT = 64 * 1024;

/** What a person reads of the output of a command that does not end well. */
const LONGEST_WORDS = 300;

/** Asks a probe of one of the kinds of `SHELL_PROBES` by a host's own shell; gives what it shows, throws what is wrong. */
export async function askShell(shell: SshExec, probe: Probe, signal: AbortSignal): Promise<string> {
  const run = async (line: string) => {
    const { code, stdout, stderr } = await shell.exec(line, {
      timeoutMs: toMilliseconds(probe.timeout),
      maxOutputBytes: MAX_OUTPUT,
      signal,
    });
    return { code, words: stdout.trim(), said: (stderr.trim() || stdout.trim()).slice(0, LONGEST_WORDS) };
  };
  switch (probe.kind) {
    case 'systemd':
      return probe.unit === undefined
        ? judgeUnits(await run(FAILED_UNITS))
        : judgeUnit(probe.unit, await run(sh`systemctl is-active ${probe.unit}`));
    case 'docker':
      return probe.container === undefined
        ? judgeContainers(await run(`docker ps --format '{{.Names}}\t{{.Status}}'`))
        : judgeContainer(probe.container, await run(sh`docker inspect --format ${STATE} ${probe.container}`));
    default: {
      const { code, said } = await run(probe.command ?? '');
      if (code !== 0) throw new NotWell(`the command ended with ${code ?? 'a signal'}: ${said || 'it said nothing'}`);
      return 'the command ended with 0';
    }
  }
}

interface Answer {
  readonly code: number | undefined;
  /** Its standard output. */
  readonly words: string;
  /** The beginning of what it complained of, else of its output. */
  readonly said: string;
}

const FAILED_UNITS = 'systemctl list-units --state=failed --plain --no-legend --no-pager';

function judgeUnits({ code, words, said }: Answer): string {
  if (code !== 0) throw new NotWell(`systemctl ended with ${code ?? 'a signal'}: ${said}`);
  const failed = words.split('\n').flatMap((line) => /^\S+/.exec(line) ?? []);
  if (failed.length > 0) throw new NotWell(`failed: ${failed.join(', ')}`, failed);
  return 'no unit has failed';
}

function judgeUnit(unit: string, { words, said }: Answer): string {
  // `reloading` and `refreshing` are active too: systemctl(1).
  if (!['active', 'reloading', 'refreshing'].includes(words)) throw new NotWell(`${unit} is ${words || said}`);
  return `${unit} is ${words}`;
}

/** `running healthy`; the second word is missing where the container has no health check. */
const STATE = '{{.State.Status}}{{if .State.Health}} {{.State.Health.Status}}{{end}}';

function judgeContainer(container: string, { code, words, said }: Answer): string {
  if (code !== 0) throw new NotWell(said);
  if (words !== 'running' && words !== 'running healthy') throw new NotWell(`${container} is ${words}`);
  return `${container} is ${words}`;
}

/** `docker ps`: `traefik	Up 3 minutes (healthy)`, `(unhealthy)`, `(health: starting)`. */
function judgeContainers({ code, words, said }: Answer): string {
  if (code !== 0) throw new NotWell(said);
  const lines = words.split('\n').filter((line) => line !== '');
  const ailing = lines.filter((line) => /\((?:unhealthy|health: starting)\)|\tRestarting/.test(line));
  if (ailing.length > 0) {
    const names = ailing.map((line) => line.split('\t')[0] ?? line);
    throw new NotWell(ailing.map((line) => line.replace('\t', ': ')).join(', '), names);
  }
  return lines.length === 1 ? '1 container runs' : `${lines.length} containers run`;
}
