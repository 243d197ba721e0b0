/** Helpers of checks that also look at data with other mistakes, so that all mistakes are told at once. */

/** Reports what is wrong at a path, and what to do. */
export type Report = (path: readonly (string | number)[], message: string, remedy: string) => void;

export function listOf<T>(value: unknown): readonly (T | null | undefined)[] {
  return Array.isArray(value) ? (value as readonly (T | null | undefined)[]) : [];
}
