export {
  createNutClient,
  type CallOptions,
  type ChangeOptions,
  type NutClient,
  type NutClientOptions,
  type NutTimeouts,
} from './client.ts';
export { NutError, type NutErrorClass, type NutErrorType, type NutOutcome } from './errors.ts';
export type { NutTls, NutTlsMode } from './tls.ts';
