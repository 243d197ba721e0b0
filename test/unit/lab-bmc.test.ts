import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CIPHER_SUITES, decrypt, encrypt, sessionKeys } from '../../lab/bmc/keys.ts';
import { packet15, packet20, parsePacket, parseRequest, response } from '../../lab/bmc/packet.ts';

/** What ipmitool 1.8.19 sends first: Get Channel Authentication Capabilities, in the format of IPMI 1.5. */
const FIRST = Buffer.from('0600ff07000000000000000000092018c88100388e03b6', 'hex');
const bytes = fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each));

describe('a packet to a controller of the lab', () => {
  it('is read as ipmitool sends it, and answered to the one who asks', () => {
    const packet = parsePacket(FIRST);
    expect(packet).toMatchObject({ format: '1.5', type: 0, session: 0 });
    const request = parseRequest(packet?.payload ?? Buffer.alloc(0));
    expect(request).toMatchObject({ netFn: 0x06, command: 0x38, data: Buffer.from([0x8e, 0x03]) });
    expect(request && packet15(response(request, 0xc0)).toString('hex')).toBe(
      '0600ff0700000000000000000008811c63200038c0e8',
    );
  });

  it('that is none is read as none, whatever it holds', () => {
    fc.assert(
      fc.property(bytes, (noise) => {
        const packet = parsePacket(Buffer.concat([FIRST.subarray(0, 4), noise]));
        if (packet !== undefined) parseRequest(packet.payload);
      }),
    );
    expect(parsePacket(Buffer.from('0600ff06', 'hex'))).toBeUndefined();
    expect(parseRequest(FIRST.subarray(14, -1))).toBeUndefined();
  });

  it('is signed over a multiple of four bytes', () => {
    fc.assert(
      fc.property(bytes, (payload) => {
        let covered = 0;
        const sign = (signed: Buffer) => {
          covered = signed.length;
          return Buffer.alloc(12);
        };
        const packet = parsePacket(packet20({ type: 0, session: 7, sequence: 1, payload, sign }));
        expect(covered % 4).toBe(0);
        expect(packet).toMatchObject({ isSigned: true, isEncrypted: true, session: 7, payload });
        expect(packet?.signed).toHaveLength(covered + 12);
      }),
    );
  });
});

describe('encryption of a controller of the lab', () => {
  it.each(CIPHER_SUITES)('gives back what went in, and nothing of what was cut: suite $id', (suite) => {
    const keys = sessionKeys(suite, Buffer.from('0123456789abcdef'));
    fc.assert(
      fc.property(bytes, (text) => {
        const secret = encrypt(keys, text);
        expect(secret.length % 16).toBe(0);
        expect(decrypt(keys, secret)).toEqual(text);
        expect(decrypt(keys, secret.subarray(0, -1))).toBeUndefined();
      }),
    );
  });
});
