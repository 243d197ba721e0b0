import type { SshClient } from '../ssh/index.ts';

/** What an SSH client offers, by another way into the guest. */
export type GuestShell = Pick<SshClient, 'label' | 'exec' | 'withConnection'>;
