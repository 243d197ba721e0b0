export { createBmc, type Bmc, type BmcOptions, type BmcTimeouts } from './bmc.ts';
export { WakeError, type WakeErrorType, type WakeOutcome } from './errors.ts';
export { parseMac, sendMagicPacket, type MagicPacket } from './magic-packet.ts';
