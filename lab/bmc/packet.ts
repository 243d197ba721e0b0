/** Types of payload (IPMI 2.0, table 13-16). */
export const PAYLOAD = {
  ipmi: 0x00,
  openRequest: 0x10,
  openResponse: 0x11,
  rakp1: 0x12,
  rakp2: 0x13,
  rakp3: 0x14,
  rakp4: 0x15,
} as const;

/** RMCP version 1, no sequence, class IPMI (DSP0136). */
const RMCP_HEADER = Buffer.from([0x06, 0x00, 0xff, 0x07]);
const FORMAT_2 = 0x06;
/** Before the payload: of IPMI 1.5 without authentication, and of 2.0. */
const HEADER_15 = 14;
const HEADER_20 = 16;

/** One packet in the session format of IPMI 1.5 or 2.0 (section 13.6). */
export interface Packet {
  readonly format: '1.5' | '2.0';
  readonly type: number;
  readonly isEncrypted: boolean;
  readonly isSigned: boolean;
  readonly session: number;
  readonly payload: Buffer;
  /** What a signature covers, with the signature itself behind it. */
  readonly signed: Buffer;
}

/** Undefined for what is none, or is cut short. */
export function parsePacket(bytes: Buffer): Packet | undefined {
  if (bytes.length < HEADER_15 || bytes[0] !== 0x06 || bytes[3] !== 0x07) return undefined;
  if (bytes[4] !== FORMAT_2) {
    const length = bytes.readUInt8(13);
    // Nothing but the question for its abilities comes in this format, and that without authentication.
    if (bytes[4] !== 0 || bytes.length < HEADER_15 + length) return undefined;
    const payload = bytes.subarray(HEADER_15, HEADER_15 + length);
    return {
      format: '1.5',
      type: 0,
      isEncrypted: false,
      isSigned: false,
      session: bytes.readUInt32LE(9),
      payload,
      signed: bytes,
    };
  }
  if (bytes.length < HEADER_20) return undefined;
  const length = bytes.readUInt16LE(14);
  if (bytes.length < HEADER_20 + length) return undefined;
  const type = bytes.readUInt8(5);
  return {
    format: '2.0',
    type: type & 0x3f,
    isEncrypted: (type & 0x80) !== 0,
    isSigned: (type & 0x40) !== 0,
    session: bytes.readUInt32LE(6),
    payload: bytes.subarray(HEADER_20, HEADER_20 + length),
    signed: bytes.subarray(4),
  };
}

/** A packet of IPMI 1.5 outside of any session. */
export function packet15(payload: Buffer): Buffer {
  return Buffer.concat([RMCP_HEADER, Buffer.alloc(9), Buffer.from([payload.length]), payload]);
}

export interface Envelope {
  readonly type: number;
  /** 0 outside of any. */
  readonly session: number;
  readonly sequence: number;
  readonly payload: Buffer;
  /** Given for a packet that is encrypted and signed: makes the signature. */
  readonly sign?: (signed: Buffer) => Buffer;
}

/** A packet of IPMI 2.0. */
export function packet20({ type, session, sequence, payload, sign }: Envelope): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(FORMAT_2, 0);
  header.writeUInt8(sign === undefined ? type : type | 0xc0, 1);
  header.writeUInt32LE(session, 2);
  header.writeUInt32LE(sequence, 6);
  header.writeUInt16LE(payload.length, 10);
  if (sign === undefined) return Buffer.concat([RMCP_HEADER, header, payload]);
  // What is signed is a multiple of four bytes long, its length of filling and its "next header" included.
  const filling = (4 - ((header.length + payload.length + 2) % 4)) % 4;
  const signed = Buffer.concat([header, payload, Buffer.alloc(filling, 0xff), Buffer.from([filling, 0x07])]);
  return Buffer.concat([RMCP_HEADER, signed, sign(signed)]);
}

/** A request to a management controller, as it comes over the network (section 13.8). */
export interface Request {
  readonly from: number;
  readonly to: number;
  readonly netFn: number;
  /** Sequence and unit of the one who asks, to be given back as they are. */
  readonly mark: number;
  readonly unit: number;
  readonly command: number;
  readonly data: Buffer;
}

export function parseRequest(payload: Buffer): Request | undefined {
  if (payload.length < 7 || checksum(payload.subarray(0, 2)) !== payload[2]) return undefined;
  if (checksum(payload.subarray(3, -1)) !== payload.at(-1)) return undefined;
  const [to = 0, netFn = 0, , from = 0, mark = 0, command = 0] = payload;
  return { from, to, netFn: netFn >> 2, mark, unit: mark & 0x03, command, data: payload.subarray(6, -1) };
}

export function response(request: Request, code: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.from([request.from, ((request.netFn | 1) << 2) | request.unit]);
  const rest = Buffer.concat([Buffer.from([request.to, request.mark & 0xfc, request.command, code]), data]);
  return Buffer.concat([head, Buffer.from([checksum(head)]), rest, Buffer.from([checksum(rest)])]);
}

/** With it all bytes sum up to 0. */
function checksum(bytes: Buffer): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}
