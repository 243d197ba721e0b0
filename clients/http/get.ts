import { request } from 'undici';

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest time for the whole answer, body included. */
  readonly timeoutMs: number;
  /** A longer body is an error: nothing that answers so much is what was meant. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** A service gave no answer, or none that can be used. The message holds no header and no query of the request. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly outcome = 'retryable';
}

/**
 * One GET over HTTP or HTTPS; redirects are not followed, so that headers go to nobody else. Certificates are verified by
 * the authorities of Node.js (`NODE_EXTRA_CA_CERTS` adds to them).
 *
 * @throws {HttpError} when there is no answer in time, or too long a one.
 */
export async function httpGet(url: string, options: GetOptions): Promise<HttpAnswer> {
  const { timeoutMs, maxBytes, headers = {}, signal } = options;
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await request(url, { headers, signal: signal ? AbortSignal.any([late, signal]) : late });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw new HttpError(`the answer is longer than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return { status: answer.statusCode, body: Buffer.concat(chunks).toString() };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof HttpError) throw error;
    if (late.aborted) throw new HttpError(`no answer within ${timeoutMs} ms`);
    throw new HttpError(reasonOf(error));
  }
}

/** undici says little in the message of a failed connection; its code says what went wrong. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return [code, message].filter((part) => typeof part === 'string' && part !== '').join(': ') || String(error);
}
