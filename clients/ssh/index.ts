export {
  createSshClient,
  type ExecOptions,
  type ExecResult,
  type SshClient,
  type SshClientOptions,
  type SshExec,
} from './client.ts';
export { SshError, type SshErrorType, type SshOutcome } from './errors.ts';
export type { SshTimeouts } from './connection.ts';
export { knownKeys, type HostKeyOptions } from './host-keys.ts';
export { quote, quotePath, sh } from './quote.ts';
export {
  compareHostKey,
  readKnownHosts,
  replaceFile,
  showHostKey,
  withHostKey,
  type HostKeyState,
  type ShownHostKey,
} from './enroll.ts';
