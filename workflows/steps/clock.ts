/** The time of the run, ISO 8601: in a workflow `Date.now` is the time of its present task, and the same in a replay. */
export function now(): string {
  return new Date(Date.now()).toISOString();
}
