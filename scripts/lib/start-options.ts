import { parseArgs } from 'node:util';

export interface StartOptions {
  /** Exit with the outcome of the first run instead of staying up until Ctrl-C. */
  readonly once: boolean;
  readonly temporalPort: number;
  readonly uiPort: number;
  /** How many times faster than life the lab's nodes boot, upgrade and migrate; the lab's own default if `undefined`. */
  readonly scale: number | undefined;
}

export const START_USAGE = `Usage: npm start -- [options]

Starts Temporal, the lab and the workers, and updates the whole lab cluster node by node.

  --once                 exit with the outcome of the run instead of staying up until Ctrl-C
  --temporal-port PORT   port of Temporal (7233)
  --ui-port PORT         port of Temporal's Web UI (the port of Temporal plus 1000)
  --scale FACTOR         how many times faster than life the lab runs
  --help                 this text`;

/** An option that cannot be understood. The message names it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads the command line of `npm start`.
 *
 * @returns `undefined` when help was asked for
 * @throws UsageError
 */
export function parseStartOptions(args: readonly string[]): StartOptions | undefined {
  const values = readValues(args);
  if (values.help === true) return undefined;
  const temporalPort = readPort('--temporal-port', values['temporal-port']) ?? 7233;
  return {
    once: values.once ?? false,
    temporalPort,
    uiPort: readPort('--ui-port', values['ui-port']) ?? temporalPort + 1000,
    scale: readScale(values.scale),
  };
}

function readValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean' },
        'temporal-port': { type: 'string' },
        'ui-port': { type: 'string' },
        scale: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    throw new UsageError(`${reason.replace(/\.$/, '')}. "npm start -- --help" lists the options.`);
  }
}

function readPort(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 64_535) return port;
  throw new UsageError(`${option} must be a port number between 1 and 64535, not "${text}".`);
}

function readScale(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const scale = Number(text);
  if (Number.isFinite(scale) && scale > 0) return scale;
  throw new UsageError(`--scale must be a number above 0, not "${text}".`);
}
