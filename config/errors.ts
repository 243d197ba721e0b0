/** One thing that is wrong with a configuration or an input. */
export interface Problem {
  /** Path of the field: `cluster.nodes[0].api.fingerprint`. */
  readonly field: string;
  /** Completes the sentence that the field begins. */
  readonly message: string;
  /** What to do; a whole sentence. */
  readonly remedy: string;
}

export interface LocatedProblem extends Problem {
  /** `path:line:column`, or the path alone. */
  readonly location: string;
}

/** `caretaker.yaml` or something that it refers to cannot be used. The message tells all problems and their remedies. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly LocatedProblem[];

  constructor(message: string, problems: readonly LocatedProblem[] = []) {
    super(message);
    this.problems = problems;
  }
}

/** The input of a run cannot be used. The message names every wrong field and its remedy. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(describeProblem).join('\n'));
    this.problems = problems;
  }
}

/** `nodes[0] is pve3, which is not a configured node. Configured nodes: pve1, pve2.` */
export function describeProblem({ field, message, remedy }: Problem): string {
  return `${field} ${message}. ${remedy}`;
}
