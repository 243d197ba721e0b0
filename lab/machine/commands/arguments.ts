/** The options and operands of a command line, in the shapes GNU getopt_long takes. */
export interface Arguments {
  readonly operands: readonly string[];
  has(...names: readonly string[]): boolean;
  value(name: string): string | undefined;
  values(name: string): readonly string[];
  /** Every option given, by its long or canonical name. */
  readonly names: readonly string[];
}

export interface ArgumentRules {
  /** Short options with a value and what they stand for: `{ '-u': '--unit' }`. */
  readonly values?: Readonly<Record<string, string>>;
  /** Long options with a value, as `--name value` or `--name=value`. */
  readonly valued?: readonly string[];
  /** The first operand ends the options, as for systemd-run(1). */
  readonly stopAtOperand?: boolean;
}

export function parseArguments(args: readonly string[], rules: ArgumentRules = {}): Arguments {
  const given: [string, string | undefined][] = [];
  const operands: string[] = [];
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift() ?? '';
    if (arg === '--') {
      operands.push(...rest.splice(0));
    } else if (arg.startsWith('--')) {
      given.push(longOption(arg, rest, rules.valued ?? []));
    } else if (arg.startsWith('-') && arg !== '-') {
      given.push(...shortOptions(arg, rest, rules.values ?? {}));
    } else {
      operands.push(arg);
      if (rules.stopAtOperand) operands.push(...rest.splice(0));
    }
  }
  const values = (name: string) =>
    given.flatMap(([key, value]) => (key === name && value !== undefined ? [value] : []));
  return {
    operands,
    names: given.map(([name]) => name),
    has: (...names) => given.some(([name]) => names.includes(name)),
    value: (name) => values(name).at(-1),
    values,
  };
}

function longOption(arg: string, rest: string[], valued: readonly string[]): [string, string | undefined] {
  const at = arg.indexOf('=');
  if (at > 0) return [arg.slice(0, at), arg.slice(at + 1)];
  return [arg, valued.includes(arg) ? rest.shift() : undefined];
}

function shortOptions(
  arg: string,
  rest: string[],
  valued: Readonly<Record<string, string>>,
): [string, string | undefined][] {
  const found: [string, string | undefined][] = [];
  for (let index = 1; index < arg.length; index++) {
    const name = `-${arg[index]}`;
    const long = valued[name];
    if (long === undefined) {
      found.push([name, undefined]);
      continue;
    }
    const attached = arg.slice(index + 1);
    found.push([long, attached === '' ? rest.shift() : attached]);
    break;
  }
  return found;
}
