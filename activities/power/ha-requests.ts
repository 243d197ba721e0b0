import type { HaRequest } from '../../clients/proxmox/index.ts';
import type { Act } from '../../domain/outage.ts';
import { ask } from './ask.ts';
import type { PowerDeps } from './deps.ts';

export interface SetHaRequestsInput {
  /** Requested state by service: `{ 'vm:210': 'started' }`. */
  readonly requested: Readonly<Record<string, string>>;
  readonly rehearsal: boolean;
}

export function createHaRequestActivities(deps: PowerDeps) {
  const { proxmox } = deps;
  const readStates = (signal: AbortSignal) => proxmox.with({ signal }).haResources();
  return {
    /**
     * Asks the HA manager for the states that are given, where it was asked for others meanwhile: a guest that is shut down
     * under HA is one that it keeps down. A service that somebody took out of HA is left out.
     * Sources: `GET` and `PUT /cluster/ha/resources/{sid}`.
     */
    async setHaRequests({ requested, rehearsal }: SetHaRequestsInput): Promise<Act> {
      const now = await ask(readStates);
      if ('trouble' in now) return { outcome: 'failed', words: now.trouble.message };
      const changes = now.value.flatMap(({ sid, state }) => {
        const wanted = requestOf(requested[sid]);
        return wanted !== null && wanted !== requestOf(state) ? [{ sid, wanted }] : [];
      });
      const list = changes.map(({ sid, wanted }) => `${sid} ${wanted}`).join(', ');
      if (changes.length === 0)
        return { outcome: 'done', words: 'the HA manager is asked for all that it was asked for' };
      if (rehearsal) return { outcome: 'done', words: `would ask the HA manager for ${list}` };
      const troubles: string[] = [];
      for (const { sid, wanted } of changes) {
        const answer = await ask((signal) => proxmox.with({ signal }).setHaState(sid, wanted));
        if ('trouble' in answer) troubles.push(`${sid}: ${answer.trouble.message}`);
      }
      if (troubles.length > 0) return { outcome: 'failed', words: troubles.join('; ') };
      return { outcome: 'done', words: `the HA manager was asked for ${list}` };
    },
  };
}

/** `enabled` is an old word for `started`. */
export function requestOf(state: string | undefined): HaRequest | null {
  if (state === 'enabled') return 'started';
  return state === 'started' || state === 'stopped' || state === 'disabled' || state === 'ignored' ? state : null;
}
