type Step = () => Promise<void> | void;

/** The signals that ask a program to end. SIGHUP comes when the terminal is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * npm passes Ctrl-C on to a program that the terminal has told already. A second signal this soon is that echo, not a
 * person who has lost patience.
 */
const ECHO_MS = 500;

export interface Teardown {
  /** Adds a step; the one added last runs first. `what` names it in the report of a failure. */
  add(what: string, step: Step): void;
  /** Runs the steps, once: later calls wait for the same run. A step that fails is reported and does not stop the rest. */
  run(): Promise<void>;
  /** Aborted as soon as the program is asked to end, before the first step. */
  readonly signal: AbortSignal;
}

export interface TeardownOptions {
  readonly say?: (sentence: string) => void;
  /** Replaced in tests. */
  readonly target?: Pick<NodeJS.Process, 'on' | 'removeListener'>;
  readonly exit?: (code: number) => void;
  readonly now?: () => number;
}

/**
 * Ordered tidying up for a program that owns servers and child processes. On SIGINT, SIGTERM, SIGHUP and on an uncaught
 * error the steps run in reverse order and the program ends; a second Ctrl-C ends it at once.
 */
export function createTeardown(options: TeardownOptions = {}): Teardown {
  const say = options.say ?? ((sentence: string) => console.error(sentence));
  const target = options.target ?? process;
  const exit = options.exit ?? ((code: number) => process.exit(code));
  const now = options.now ?? Date.now;

  const steps: { what: string; step: Step }[] = [];
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  let askedAt: number | undefined;

  function run(): Promise<void> {
    ending.abort();
    running ??= runSteps().finally(forget);
    return running;
  }

  async function runSteps(): Promise<void> {
    for (let entry = steps.pop(); entry !== undefined; entry = steps.pop()) {
      try {
        await entry.step();
      } catch (error) {
        say(`Could not ${entry.what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  function onSignal(signal: (typeof SIGNALS)[number]): void {
    if (askedAt !== undefined) {
      if (now() - askedAt >= ECHO_MS) exit(EXIT_CODES[signal]);
      return;
    }
    askedAt = now();
    void run().then(() => {
      exit(EXIT_CODES[signal]);
    });
  }

  function onError(error: unknown): void {
    // What is still under way fails when its server is taken away. Nobody needs to hear of that.
    if (ending.signal.aborted) return;
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    void run().then(() => {
      exit(1);
    });
  }

  function forget(): void {
    for (const signal of SIGNALS) target.removeListener(signal, onSignal);
    target.removeListener('uncaughtException', onError);
    target.removeListener('unhandledRejection', onError);
  }

  for (const signal of SIGNALS) target.on(signal, onSignal);
  target.on('uncaughtException', onError);
  target.on('unhandledRejection', onError);

  return {
    add: (what, step) => {
      steps.push({ what, step });
    },
    run,
    signal: ending.signal,
  };
}
