import { createHash } from 'node:crypto';
import type { LabContext } from '../core/context.ts';
import type { FaultPoint, FaultVerdict } from '../core/faults.ts';
import { LoopbackUdp } from '../core/loopback-udp.ts';
import type { Machine } from '../core/machine.ts';
import type { AcRecovery } from '../site.ts';
import { carryOut, CODE, commandName } from './commands.ts';
import type { Board, Control } from './commands.ts';
import { decrypt, encrypt, sign } from './keys.ts';
import type { SessionKeys } from './keys.ts';
import { packet15, packet20, parsePacket, parseRequest, PAYLOAD, response } from './packet.ts';
import type { Packet, Request } from './packet.ts';
import { Sessions } from './sessions.ts';
import type { BmcUser, Session } from './sessions.ts';

/** From power to answers, and from off to on in a power cycle, virtual milliseconds. */
const BOOT_MS = 40_000;
const CYCLE_MS = 5_000;

/** Where the controller has its own power from. */
export interface Standby {
  readonly output: boolean;
  onOutput(listener: (on: boolean) => void): void;
}

export interface BmcOptions {
  readonly machine: Machine;
  readonly users: readonly BmcUser[];
  readonly standby: Standby;
  readonly recovery: AcRecovery;
}

/**
 * The management controller of a machine: IPMI 2.0 over UDP on loopback, good enough for `ipmitool -I lanplus`. It has its
 * own power and answers while its machine is off. Faults strike at `{ at: 'bmc' }`.
 */
export class BmcServer {
  readonly #context: LabContext;
  readonly #machine: Machine;
  readonly #standby: Standby;
  readonly #sessions: Sessions;
  readonly #board: Board;
  readonly #udp = new LoopbackUdp((bytes, reply) => void this.#receive(bytes, reply));
  #isUp = true;

  constructor(context: LabContext, { machine, users, standby, recovery }: BmcOptions) {
    this.#context = context;
    this.#machine = machine;
    this.#standby = standby;
    const guid = createHash('md5').update(machine.id).digest();
    this.#sessions = new Sessions({ users, guid, now: () => context.clock.now() });
    this.#board = {
      machine,
      recovery,
      control: (control, actor) => this.#control(control, actor),
      end: ({ id }) => this.#sessions.end(id),
    };
    standby.onOutput((on) => this.#powered(on));
  }

  get port(): number {
    return this.#udp.port;
  }

  start(): Promise<void> {
    return this.#udp.start();
  }

  stop(): void {
    this.#udp.stop();
  }

  #powered(on: boolean): void {
    this.#isUp = false;
    this.#sessions.clear();
    if (!on) return;
    this.#context.clock.after(BOOT_MS, () => {
      this.#isUp = this.#standby.output;
    });
  }

  async #receive(bytes: Buffer, reply: (answer: Buffer) => void): Promise<void> {
    const packet = this.#isUp ? parsePacket(bytes) : undefined;
    if (packet === undefined) return;
    const verdict = this.#consult({ step: 'packet' });
    if (verdict?.do === 'drop') return;
    if (verdict?.do === 'delay') await this.#context.clock.sleep(verdict.ms);
    const answer = await this.#answer(packet);
    if (answer !== undefined && this.#isUp) reply(answer);
  }

  #consult(where: Pick<FaultPoint & { at: 'bmc' }, 'step' | 'command'>): FaultVerdict | undefined {
    return this.#context.faults.consult({ at: 'bmc', machine: this.#machine.id, ...where });
  }

  async #answer(packet: Packet): Promise<Buffer | undefined> {
    const outside = (type: number, payload: Buffer | undefined) =>
      payload && packet20({ type, session: 0, sequence: 0, payload });
    switch (packet.type) {
      case PAYLOAD.openRequest:
        return outside(PAYLOAD.openResponse, this.#sessions.opened(packet.payload));
      case PAYLOAD.rakp1:
        return outside(PAYLOAD.rakp2, this.#sessions.rakp2(packet.payload));
      case PAYLOAD.rakp3:
        return outside(PAYLOAD.rakp4, this.#sessions.rakp4(packet.payload));
      case PAYLOAD.ipmi:
        return packet.session === 0 ? this.#outsideOfSessions(packet) : this.#inSession(packet);
      default:
        return undefined;
    }
  }

  async #outsideOfSessions(packet: Packet): Promise<Buffer | undefined> {
    const request = parseRequest(packet.payload);
    const payload = request && (await this.#carryOut(request, undefined));
    if (payload === undefined) return undefined;
    return packet.format === '1.5'
      ? packet15(payload)
      : packet20({ type: PAYLOAD.ipmi, session: 0, sequence: 0, payload });
  }

  async #inSession(packet: Packet): Promise<Buffer | undefined> {
    const active = this.#sessions.active(packet.session);
    if (active === undefined) return undefined;
    const { session, keys } = active;
    const request = opened(packet, keys);
    const payload = request && (await this.#carryOut(request, session));
    if (payload === undefined) return undefined;
    return packet20({
      type: PAYLOAD.ipmi,
      session: session.console.readUInt32LE(),
      sequence: ++session.sequence,
      payload: encrypt(keys, payload),
      sign: (bytes) => sign(keys, bytes),
    });
  }

  async #carryOut(request: Request, session: Session | undefined): Promise<Buffer | undefined> {
    const verdict = this.#consult({ step: 'command', command: commandName(request) });
    if (verdict?.do === 'drop') return undefined;
    if (verdict?.do === 'delay') await this.#context.clock.sleep(verdict.ms);
    if (verdict?.do === 'error') return response(request, verdict.status ?? CODE.busy);
    // It says that it has done it.
    if (verdict?.do === 'lie') return response(request, CODE.ok);
    const { code, data } = carryOut(this.#board, request, session);
    return response(request, code, data);
  }

  #control(control: Control, actor: string): number {
    const machine = this.#machine;
    const isOff = machine.power === 'off';
    this.#context.log.record(actor, 'bmc.control', machine.id, { control, power: machine.power });
    if (control === 'on') machine.powerOn();
    else if (control === 'off') machine.powerCut(`turned off by its controller`);
    else if (isOff) return CODE.notNow;
    else if (control === 'soft') void machine.shutdown({ reboot: false, actor });
    else {
      machine.powerCut(`${control} by its controller`);
      this.#context.clock.after(control === 'cycle' ? CYCLE_MS : 0, () => machine.powerOn());
    }
    return CODE.ok;
  }
}

/** The request in a packet of a session; undefined unless it is signed and encrypted with its keys. */
function opened(packet: Packet, keys: SessionKeys): Request | undefined {
  if (!packet.isSigned || !packet.isEncrypted) return undefined;
  const { signed } = packet;
  const cut = signed.length - keys.suite.signature;
  if (cut <= 0 || !signed.subarray(cut).equals(sign(keys, signed.subarray(0, cut)))) return undefined;
  const payload = decrypt(keys, packet.payload);
  return payload && parseRequest(payload);
}
