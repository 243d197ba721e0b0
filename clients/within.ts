export interface Limit {
  readonly ms: number;
  /** Makes the error for when it has passed. */
  readonly late: () => Error;
  readonly signal?: AbortSignal | undefined;
}

/** Settles as `begin` says, or rejects when the time is over or the signal is aborted, whatever comes first. */
export function within<T>(
  { ms, late, signal }: Limit,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => settle(() => reject(reasonOf(signal)));
    const timer = setTimeout(() => settle(() => reject(late())), ms);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    begin(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
  });
}

function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error(String(signal?.reason));
}
