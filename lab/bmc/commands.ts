import type { Machine } from '../core/machine.ts';
import type { AcRecovery } from '../site.ts';
import { CIPHER_SUITES } from './keys.ts';
import type { Request } from './packet.ts';
import { PRIVILEGE } from './sessions.ts';
import type { Session } from './sessions.ts';

/** Completion codes (IPMI 2.0, table 5-2, and 0x81 of Set Session Privilege Level). */
export const CODE = {
  ok: 0x00,
  aboveLimit: 0x81,
  busy: 0xc0,
  unknownCommand: 0xc1,
  tooShort: 0xc7,
  invalidData: 0xcc,
  notAllowed: 0xd4,
  notNow: 0xd5,
} as const;

/** What somebody can do with the power of a machine (Chassis Control, section 28.3), by its number. */
export const CONTROLS = ['off', 'on', 'cycle', 'reset', undefined, 'soft'] as const;
export type Control = NonNullable<(typeof CONTROLS)[number]>;

/** What the controller of a machine can be asked for. */
export interface Board {
  readonly machine: Machine;
  readonly recovery: AcRecovery;
  readonly control: (control: Control, actor: string) => number;
  readonly end: (session: Session) => void;
}

interface Answer {
  readonly code: number;
  readonly data?: Buffer;
}

interface Command {
  readonly name: string;
  readonly netFn: number;
  readonly command: number;
  /** Undefined: also outside of a session. */
  readonly privilege: number | undefined;
  readonly bytes?: number;
  readonly run: (board: Board, data: Buffer, session: Session | undefined) => Answer;
}

const CHASSIS = 0x00;
const APP = 0x06;

const ok = (...bytes: readonly number[]): Answer => ({ code: CODE.ok, data: Buffer.from(bytes) });

const COMMANDS: readonly Command[] = [
  {
    name: 'Get Channel Authentication Capabilities',
    netFn: APP,
    command: 0x38,
    privilege: undefined,
    bytes: 2,
    // No authentication of IPMI 1.5, users with names, connections of IPMI 2.0.
    run: () => ok(0x01, 0x80, 0x04, 0x02, 0, 0, 0, 0),
  },
  {
    name: 'Get Channel Cipher Suites',
    netFn: APP,
    command: 0x54,
    privilege: undefined,
    bytes: 3,
    run: (_, data) => {
      const records = CIPHER_SUITES.flatMap(({ id, authentication, integrity, confidentiality }) => [
        ...[0xc0, id, authentication, 0x40 | integrity, 0x80 | confidentiality],
      ]);
      const from = 16 * ((data[2] ?? 0) & 0x3f);
      return ok(0x01, ...records.slice(from, from + 16));
    },
  },
  {
    name: 'Get Device ID',
    netFn: APP,
    command: 0x01,
    privilege: PRIVILEGE.user,
    run: () => ok(0x20, 0x01, 0x02, 0x65, 0x02, 0x81, 0xa2, 0x02, 0x00, 0x00, 0x01, 0, 0, 0, 0),
  },
  {
    name: 'Set Session Privilege Level',
    netFn: APP,
    command: 0x3b,
    privilege: PRIVILEGE.callback,
    bytes: 1,
    run: (_, data, session) => {
      const wanted = (data[0] ?? 0) & 0x0f;
      if (session?.proof === undefined) return { code: CODE.notNow };
      const { user, role } = session.proof;
      const most = Math.min(PRIVILEGE[user.privilege], role & 0x0f || PRIVILEGE.administrator);
      if (wanted > most) return { code: CODE.aboveLimit };
      if (wanted !== 0) session.privilege = wanted;
      return ok(session.privilege);
    },
  },
  {
    name: 'Close Session',
    netFn: APP,
    command: 0x3c,
    privilege: PRIVILEGE.callback,
    bytes: 4,
    run: (board, _, session) => {
      if (session) board.end(session);
      return ok();
    },
  },
  {
    name: 'Get Chassis Status',
    netFn: CHASSIS,
    command: 0x01,
    privilege: PRIVILEGE.user,
    run: ({ machine, recovery }) => {
      const policy = { 'stay-off': 0x00, 'last-state': 0x20, 'power-on': 0x40 }[recovery];
      return ok((machine.power === 'off' ? 0x00 : 0x01) | policy, 0x00, 0x00);
    },
  },
  {
    name: 'Chassis Control',
    netFn: CHASSIS,
    command: 0x02,
    privilege: PRIVILEGE.operator,
    bytes: 1,
    run: (board, data, session) => {
      const control = CONTROLS[(data[0] ?? 0) & 0x0f];
      if (control === undefined) return { code: CODE.invalidData };
      return { code: board.control(control, `bmc:${session?.proof?.user.name}`) };
    },
  },
];

/** The command of a request as faults name it: `Get Device ID`, `Chassis Control on`; its numbers if it is unknown. */
export function commandName({ netFn, command, data }: Request): string {
  const found = COMMANDS.find((each) => each.netFn === netFn && each.command === command);
  if (found?.name !== 'Chassis Control') return found?.name ?? `${netFn}/${command}`;
  return `${found.name} ${CONTROLS[(data[0] ?? 0) & 0x0f] ?? ''}`.trim();
}

/** Carries a request out, if it may be; `session` is undefined outside of any. */
export function carryOut(board: Board, request: Request, session: Session | undefined): Answer {
  const found = COMMANDS.find((each) => each.netFn === request.netFn && each.command === request.command);
  if (found === undefined) return { code: CODE.unknownCommand };
  if (found.privilege !== undefined && (session === undefined || session.privilege < found.privilege)) {
    return { code: CODE.notAllowed };
  }
  if (request.data.length < (found.bytes ?? 0)) return { code: CODE.tooShort };
  return found.run(board, request.data, session);
}
