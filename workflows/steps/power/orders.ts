import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import { ErrorType } from '../../../domain/errors.ts';
import type { RoundOrders } from '../../../planning/outage-round.ts';
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

/** Who an order is for. */
export interface OrderTaker {
  /** Of the round in which the outage is now. */
  readonly orders: () => RoundOrders;
  /** Why no order about phases counts now; null: it does. */
  readonly refusal: () => string | null;
  /** What becomes of an abort, in words. */
  readonly abortWords: () => string;
  /** Told of every order, in words. */
  readonly note: (words: string) => void;
}

/** An order counts for the round in which it is given, and is answered by what it does there. */
export function listenToOrders({ orders, refusal, abortWords, note }: OrderTaker): void {
  const answer = (words: string): string => {
    note(`by order: ${words}`);
    return words;
  };
  const validator = (): void => {
    const why = refusal();
    if (why !== null) throw ApplicationFailure.nonRetryable(why, ErrorType.Refused);
  };
  const order = (next: 'shed' | 'final') => () => {
    orders().phase = laterPhase(orders().phase, next);
    return answer(next === 'shed' ? 'phase 2 begins now' : 'phase 3 begins now');
  };
  const hold = (held: boolean) => () => {
    orders().held = held;
    return answer(held ? 'time alone begins no further phase' : 'time counts again');
  };
  const abort = () => {
    orders().aborted = true;
    return answer(abortWords());
  };

  setHandler(holdPhaseUpdate, hold(true), {
    description: 'Stay in this phase; LB, FSD, charge, runtime and silence still act.',
    validator,
  });
  setHandler(releasePhaseUpdate, hold(false), { description: 'Go on by time again.', validator });
  setHandler(shedNowUpdate, order('shed'), { description: 'Begin phase 2 now.', validator });
  setHandler(finalNowUpdate, order('final'), { description: 'Begin phase 3 now: all nodes go.', validator });
  setHandler(abortUpdate, abort, { description: 'Take no further step in this outage.' });
  setHandler(abortSignal, () => void abort(), { description: 'Take no further step in this outage.' });
}

/** What people have ordered in the return. */
export interface RestoreOrders {
  /** Goes up with every order to try again. */
  readonly retries: number;
  readonly aborted: boolean;
}

export const RETURN_ENDS = 'the return ends here, with what is up now; the report names the rest';

export function listenToRestoreOrders(onOrder: (words: string) => void): RestoreOrders {
  let retries = 0;
  let aborted = false;
  const abort = () => {
    aborted = true;
    onOrder(`by order: ${RETURN_ENDS}`);
    return RETURN_ENDS;
  };
  setHandler(
    retryNowUpdate,
    () => {
      retries += 1;
      onOrder('by order: tried again');
      return 'tries again now';
    },
    { description: 'Try again what did not come back; wake nodes although the battery is not charged yet.' },
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
