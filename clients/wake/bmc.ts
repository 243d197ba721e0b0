import { spawn } from 'node:child_process';
import { printable } from '../printable.ts';
import { within } from '../within.ts';
import { WakeError, type WakeErrorType, type WakeOutcome } from './errors.ts';

export interface BmcOptions {
  readonly host: string;
  /** Default 623. */
  readonly port?: number;
  /** At most 16 bytes. */
  readonly user: string;
  /** Asked at each command, never kept. At most 20 bytes. */
  readonly password: () => Promise<string>;
  /** Default: the best of 17 and 3 that the BMC offers. */
  readonly cipherSuite?: number;
  /** Default `ipmitool`, looked for on the PATH. */
  readonly program?: string;
  readonly timeouts?: Partial<BmcTimeouts>;
}

/** Milliseconds: for one answer (whole seconds, asked twice; default 2 s), and for all that a command takes (default 20 s). */
export interface BmcTimeouts {
  readonly answer: number;
  readonly total: number;
}

export interface CallOptions {
  /** When it is aborted, the program is killed. */
  readonly signal?: AbortSignal;
}

/**
 * The management controller (BMC, iDRAC, iLO) of one machine, over IPMI 2.0 (RMCP+) by ipmitool(1). It has power while its
 * machine is off. All methods ask for the rights of an operator, need no more, and throw `WakeError` or the reason of the
 * signal.
 */
export interface Bmc {
  /** `BMC 192.168.1.9` */
  readonly label: string;
  /** `chassis power status` */
  power(call?: CallOptions): Promise<'on' | 'off'>;
  /** `chassis power on`: taken without a word when it is on, and while it is going down, when it does nothing. */
  turnOn(call?: CallOptions): Promise<void>;
  /** `chassis power cycle`: off without asking its system, and on again; refused when it is off. */
  cycle(call?: CallOptions): Promise<void>;
}

type Command = 'status' | 'on' | 'cycle';

const DONE = {
  status: /^Chassis Power is (on|off)$/m,
  on: /^Chassis Power Control: Up\/On$/m,
  cycle: /^Chassis Power Control: Cycle$/m,
} as const;

interface Reading {
  /** In the words of ipmitool and of the BMC. */
  readonly says: RegExp;
  readonly type: WakeErrorType;
  readonly outcome: WakeOutcome;
  readonly what: string;
}

const reading = (says: RegExp, type: WakeErrorType, outcome: WakeOutcome, what: string): Reading => ({
  says,
  type,
  outcome,
  what,
});

/** The first that fits is meant: ipmitool tells the cause before its consequence. */
const READINGS: readonly Reading[] = [
  reading(
    /RAKP 2 HMAC is invalid|invalid integrity check value|unauthorized name/,
    'BmcAuthentication',
    'refused',
    'it does not know this user with this password. Correct them, and let the user in over the network (IPMI over LAN)',
  ),
  reading(
    /unauthorized role requested|invalid role|Insufficient privilege level|Set Session Privilege Level to .* failed: Unknown/,
    'BmcPrivilege',
    'refused',
    'the user may not turn machines on. Give it the rights of an operator',
  ),
  reading(
    /no matching cipher suite|invalid (?:authentication|integrity|confidentiality) algorithm|Unsupported cipher suite/,
    'BmcCipherSuite',
    'refused',
    'it does not take this cipher suite. Name another, such as 3',
  ),
  reading(
    /failed: (?:Invalid |Parameter out of range|Command not supported|Cannot execute command, command disabled)/,
    'BmcRefused',
    'refused',
    'it does not take the command. Look at its own page what keeps it from it',
  ),
  reading(
    /insufficient resources for|^(?:Set Session Privilege Level|Set Chassis Power Control|Get Chassis Power Status).* failed:/m,
    'BmcBusy',
    'retryable',
    'it cannot do it now. Try again',
  ),
  reading(
    /Address lookup for .* failed/,
    'BmcUnreachable',
    'retryable',
    'its name is not known. Give its address, or look at the name server',
  ),
  reading(
    /Unable to set Chassis Power Control/,
    'BmcNoAnswer',
    'unknown',
    'the command was sent, and it did not answer. Look whether the machine is on',
  ),
  reading(
    /Unable to establish IPMI v2|Unable to get Chassis Power Status/,
    'BmcUnreachable',
    'retryable',
    'it does not answer. Check that it has power, that IPMI over LAN is on, and that UDP port 623 of it can be reached',
  ),
];

/** What is kept of the output of a program. */
const MOST_BYTES = 64 * 1024;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export function createBmc(options: BmcOptions): Bmc {
  const { host, user, port = 623, program = 'ipmitool' } = options;
  const label = port === 623 ? `BMC ${host}` : `BMC ${host}:${port}`;
  const timeouts = { answer: 2_000, total: 20_000, ...options.timeouts };

  function failure(type: WakeErrorType, outcome: WakeOutcome, message: string, cause?: unknown): WakeError {
    return new WakeError(label, type, outcome, message, cause);
  }

  async function run(command: Command, { signal }: CallOptions = {}): Promise<string> {
    const password = await options.password();
    assertFits(password);
    signal?.throwIfAborted();
    const { code, output } = await ipmitool(command, password, signal);
    const answer = DONE[command].exec(output);
    if (code === 0 && answer !== null) return answer[1] ?? '';
    throw explain(command, { code, output }, password);
  }

  function assertFits(password: string): void {
    const refuse = (what: string): WakeError => failure('WakeArgument', 'refused', `${what}. Choose another one.`);
    if (Buffer.byteLength(user) > 16) throw refuse('the user has more than the 16 bytes that IPMI takes');
    if (Buffer.byteLength(password) > 20) throw refuse('the password has more than the 20 bytes that IPMI takes');
    if ([host, user, password].some((text) => text.includes('\0'))) throw refuse('a NUL is in one of its settings');
  }

  function ipmitool(command: Command, password: string, signal: AbortSignal | undefined): Promise<Ended> {
    const seconds = String(Math.max(1, Math.round(timeouts.answer / 1_000)));
    const args = [
      // Without -v it keeps to itself why a session is refused. With more it would print the password.
      ...['-v', '-I', 'lanplus', '-H', host, '-p', String(port), '-U', user, '-E', '-L', 'OPERATOR'],
      ...['-N', seconds, '-R', '2'],
      ...(options.cipherSuite === undefined ? [] : ['-C', String(options.cipherSuite)]),
      ...['chassis', 'power', command],
    ];
    // This one would go before ours.
    const { IPMITOOL_PASSWORD: _, ...inherited } = process.env;
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, LC_ALL: 'C', IPMI_PASSWORD: password },
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      if (output.length < MOST_BYTES) output += chunk.toString('utf8');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const late = () => {
      const doubt = command === 'status' ? 'Try again' : 'The machine may be turned on all the same: look at it';
      const message = `no result within ${timeouts.total} ms, so that ${program} was ended. ${doubt}.`;
      return failure('BmcTimeout', command === 'status' ? 'retryable' : 'unknown', message);
    };
    return within<Ended>({ ms: timeouts.total, late, signal }, (resolve, reject) => {
      child.once('error', (cause) => reject(notStarted(cause)));
      child.once('close', (code) => resolve({ code, output }));
    }).finally(() => child.kill('SIGKILL'));
  }

  function notStarted(cause: Error): WakeError {
    const message = `'${program}' cannot be run (${cause.message}). Install ipmitool on the machine of this worker.`;
    return failure('BmcProgramMissing', 'refused', message, cause);
  }

  function explain(command: Command, { code, output }: Ended, password: string): WakeError {
    const found = READINGS.find(({ says }) => says.test(output));
    const said = shown(output, found?.says, password);
    if (found !== undefined) return failure(found.type, found.outcome, `${found.what}${said}.`);
    const message = `${program} ended with ${code ?? 'a signal'} and no result${said}. Run it by hand to see why.`;
    return failure('BmcUnexpectedAnswer', command === 'status' ? 'retryable' : 'unknown', message);
  }

  return {
    label,
    power: async (call) => ((await run('status', call)) === 'on' ? 'on' : 'off'),
    turnOn: async (call) => {
      await run('on', call);
    },
    cycle: async (call) => {
      await run('cycle', call);
    },
  };
}

/** The line that says why, or the last one, in brackets; nothing where it repeats the password. */
function shown(output: string, says: RegExp | undefined, password: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const line = (says === undefined ? undefined : lines.find((each) => says.test(each))) ?? lines.at(-1);
  if (line === undefined || (password !== '' && line.includes(password))) return '';
  return ` (${printable(line).slice(0, 120)})`;
}
