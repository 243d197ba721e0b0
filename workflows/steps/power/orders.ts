import { setHandler } from '@temporalio/workflow';
import type { PowerPhase } from '../../../domain/power.ts';
import { laterPhase } from '../../../planning/power-watch.ts';
import {
  abortSignal,
  abortUpdate,
  finalNowUpdate,
  holdPhaseUpdate,
  releasePhaseUpdate,
  retryNowUpdate,
  shedNowUpdate,
} from '../../messages.ts';

/** What people have ordered in an outage. */
export interface OutageOrders {
  /** Time alone begins no further phase. */
  readonly held: boolean;
  /** The phase that is to begin now, whatever the UPS says. */
  readonly phase: PowerPhase;
  /** No further step is taken. */
  readonly aborted: boolean;
}

/**
 * @param onOrder Told of every order, in words.
 * @param cannotUndo What an abort does not take back, in words.
 */
export function listenToOrders(onOrder: (words: string) => void, cannotUndo: () => string): OutageOrders {
  let held = false;
  let phase: PowerPhase = 'normal';
  let aborted = false;

  const answer = (words: string): string => {
    onOrder(`by order: ${words}`);
    return words;
  };
  const order = (next: PowerPhase) => () => {
    phase = laterPhase(phase, next);
    return answer(next === 'shed' ? 'phase 2 begins now' : 'phase 3 begins now');
  };
  const abort = () => {
    aborted = true;
    return answer(`no further step is taken. ${cannotUndo()}`);
  };

  setHandler(holdPhaseUpdate, () => ((held = true), answer('time alone begins no further phase')), {
    description: 'Stay in this phase; LB, FSD, charge, runtime and silence still act.',
  });
  setHandler(releasePhaseUpdate, () => ((held = false), answer('time counts again')), {
    description: 'Go on by time again.',
  });
  setHandler(shedNowUpdate, order('shed'), { description: 'Begin phase 2 now.' });
  setHandler(finalNowUpdate, order('final'), { description: 'Begin phase 3 now: all nodes go.' });
  setHandler(abortUpdate, abort, { description: 'Take no further step in this outage.' });
  setHandler(abortSignal, () => void abort(), { description: 'Take no further step in this outage.' });

  return {
    get held() {
      return held;
    },
    get phase() {
      return phase;
    },
    get aborted() {
      return aborted;
    },
  };
}

/** What people have ordered in the return. */
export interface RestoreOrders {
  /** Goes up with every order to try again. */
  readonly retries: number;
  readonly aborted: boolean;
}

export function listenToRestoreOrders(onOrder: (words: string) => void): RestoreOrders {
  let retries = 0;
  let aborted = false;
  const abort = () => {
    aborted = true;
    onOrder('by order: the return ends here');
    return 'ends with what is up now; the report names the rest';
  };
  setHandler(
    retryNowUpdate,
    () => {
      retries += 1;
      onOrder('by order: tried again');
      return 'tries again now';
    },
    { description: 'Try again what did not come back.' },
  );
  setHandler(abortUpdate, abort, { description: 'End the return; leave the rest to people.' });
  setHandler(abortSignal, () => void abort(), { description: 'End the return; leave the rest to people.' });
  return {
    get retries() {
      return retries;
    },
    get aborted() {
      return aborted;
    },
  };
}
