export { createAgentShell, type AgentShellOptions } from './agent.ts';
export { GuestShellError, type GuestShellErrorType, type GuestShellOutcome } from './errors.ts';
export { createPctShell, type PctShellOptions } from './pct.ts';
export type { GuestShell } from './shell.ts';
