import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';

export interface DnsQuestion {
  /** Server that is asked; a name is looked up by this machine's own resolver. */
  readonly host: string;
  readonly port: number;
  readonly query: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A server gave no address for a name. */
export class DnsError extends Error {
  override readonly name = 'DnsError';
  readonly outcome = 'retryable';
}

/**
 * Asks a server for the IPv4 addresses of a name, and for the IPv6 ones where it has none of the former.
 *
 * @throws {DnsError} when it does not answer in time, or knows no address.
 */
export async function resolveBy({ host, port, query, timeoutMs, signal }: DnsQuestion): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  const cancel = () => resolver.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const { address } = isIP(host) ? { address: host } : await lookup(host);
    resolver.setServers([isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`]);
    return await resolver.resolve4(query).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENODATA') throw error;
      return resolver.resolve6(query);
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new DnsError(code === 'ETIMEOUT' ? `no answer within ${timeoutMs} ms` : (code ?? message));
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
