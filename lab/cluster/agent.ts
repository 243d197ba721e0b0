import { dieError } from './errors.ts';
import type { Guest } from './guests.ts';

/** `GUEST_EXEC_MAX_OUTPUT` of qemu-ga: what a command writes beyond it is lost. */
const MAX_OUTPUT = 16 * 1024 * 1024;

interface AgentProcess {
  readonly out: Output;
  readonly err: Output;
  exitCode: number | undefined;
}

class Output {
  readonly #chunks: Buffer[] = [];
  #size = 0;
  truncated = false;

  push(chunk: Buffer): void {
    const kept = chunk.subarray(0, MAX_OUTPUT - this.#size);
    this.#chunks.push(kept);
    this.#size += kept.length;
    this.truncated ||= kept.length < chunk.length;
  }

  /** Proxmox takes the base64 off and sends each byte as the character of that number. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }
}

/** The QEMU guest agent of a VM: it runs programs and forgets them when it has told of their end, or is started anew. */
export class GuestAgent {
  readonly #guest: Guest;
  readonly #processes = new Map<number, AgentProcess>();
  #stop = new AbortController();
  #pid = 700;
  /** Whether its service runs in the guest. */
  running = true;

  constructor(guest: Guest) {
    this.#guest = guest;
    guest.machine.onPower((power) => {
      if (power === 'off') this.restart();
    });
    guest.machine.onPackageConfigured((name) => {
      if (name === 'qemu-guest-agent') this.restart();
    });
  }

  /** Its programs are processes of its service and end with it. */
  restart(): void {
    this.#processes.clear();
    this.#stop.abort(new Error('the guest agent was stopped'));
    this.#stop = new AbortController();
  }

  /** @throws PveError 500 unless it can be asked */
  assertAnswers(): void {
    const { spec, vmid, running, machine } = this.#guest;
    if (!spec.agent) throw dieError('No QEMU guest agent configured');
    if (!running) throw dieError(`VM ${vmid} is not running`);
    if (machine.power !== 'on' || !this.running) throw dieError('QEMU guest agent is not running');
  }

  /** `guest-exec`: returns the pid. The program is started without a shell. */
  exec(argv: readonly string[], input: string | undefined): number {
    const pid = this.#pid++;
    const process: AgentProcess = { out: new Output(), err: new Output(), exitCode: undefined };
    this.#processes.set(pid, process);
    void this.#guest.machine
      .exec(argv.map(quote).join(' '), {
        actor: `agent:root@${this.#guest.id}`,
        signal: this.#stop.signal,
        out: (chunk) => process.out.push(chunk),
        err: (chunk) => process.err.push(chunk),
        ...(input === undefined ? {} : { stdin: once(Buffer.from(input, 'latin1')) }),
      })
      .then(({ code }) => (process.exitCode = code));
    return pid;
  }

  /** `guest-exec-status`. @throws PveError 500 for a pid that it does not know, or any more */
  status(pid: number): Record<string, string | number> {
    const process = this.#processes.get(pid);
    if (!process) {
      throw dieError(`VM ${this.#guest.vmid} qmp command 'guest-exec-status' failed - PID ${pid} does not exist`);
    }
    if (process.exitCode === undefined) return { exited: 0 };
    this.#processes.delete(pid);
    const { out, err, exitCode } = process;
    return {
      exited: 1,
      exitcode: exitCode,
      ...(out.text === '' ? {} : { 'out-data': out.text }),
      ...(err.text === '' ? {} : { 'err-data': err.text }),
      ...(out.truncated ? { 'out-truncated': 1 } : {}),
      ...(err.truncated ? { 'err-truncated': 1 } : {}),
    };
  }
}

async function* once(chunk: Buffer): AsyncIterable<Buffer> {
  yield await Promise.resolve(chunk);
}

export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
