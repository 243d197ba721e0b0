import type { Socket } from 'node:net';
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { NutError, type NutErrorDetails } from './errors.ts';
import { within } from '../within.ts';

/** `required`: encrypted or not at all. `prefer`: encrypted where the server offers it. */
export type NutTlsMode = 'required' | 'prefer' | 'off';

export interface NutTls {
  readonly tls: NutTlsMode;
  /** Authority that signed the server's certificate, as PEM text (default: those that Node.js knows). */
  readonly ca?: string | undefined;
  /** SHA-256 of the server's certificate as hexadecimal digits, with or without colons; goes before `ca`. */
  readonly fingerprint?: string | undefined;
  /** Name that the certificate must hold where it is not the host's. */
  readonly serverName?: string | undefined;
}

interface Server extends NutTls {
  readonly host: string;
  readonly label: string;
}

/** Encrypts a connection and makes sure of who is at its other end. Ends it otherwise. */
export async function encrypt(
  plain: Socket,
  server: Server,
  { timeouts }: { readonly timeouts: { readonly connect: number } },
  signal?: AbortSignal,
): Promise<TLSSocket> {
  const { host, ca, serverName } = server;
  const secure = connect({
    socket: plain,
    // Looked at below, where a wrong certificate can be told from trouble on the way.
    rejectUnauthorized: false,
    ...(ca === undefined ? {} : { ca }),
    checkServerIdentity: (_name, certificate) => checkServerIdentity(serverName ?? host, certificate),
  });
  secure.on('error', () => undefined);
  const trouble = (type: NutErrorDetails['type'], what: string, cause?: Error): NutError =>
    new NutError(server.label, `${what}. Look at the log of upsd and at its certificate.`, {
      type,
      class: 'comms',
      outcome: 'retryable',
      cause,
    });
  const late = () => trouble('NutTimeout', `encryption was not ready within ${timeouts.connect} ms`);
  try {
    await within<void>({ ms: timeouts.connect, late, signal }, (resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', (cause: Error) => reject(trouble('NutTls', `no encryption: ${cause.message}`, cause)));
      secure.once('close', () => reject(trouble('NutTls', 'the connection was closed while encryption began')));
    });
    const doubt = distrust(secure, server);
    if (doubt === undefined) return secure;
    throw new NutError(server.label, `${doubt}. If that is meant to be, correct the CA or the fingerprint.`, {
      type: 'NutCertificate',
      class: 'config',
      outcome: 'refused',
    });
  } catch (error) {
    secure.destroy();
    plain.destroy();
    throw error;
  }
}

function distrust(socket: TLSSocket, { tls, ca, fingerprint }: NutTls): string | undefined {
  if (fingerprint !== undefined) {
    const found = socket.getPeerCertificate().fingerprint256 ?? 'none';
    return digits(found) === digits(fingerprint) ? undefined : `it shows the certificate ${found}, not the pinned one`;
  }
  // Who would speak in clear text, too, and names nobody to vouch for the server is not worse off with any certificate.
  if (socket.authorized || (tls === 'prefer' && ca === undefined)) return undefined;
  return `its certificate is not trusted (${String(socket.authorizationError)})`;
}

function digits(fingerprint: string): string {
  return fingerprint
    .replace(/^sha-?256[:\s]/i, '')
    .replaceAll(/[:\s]/g, '')
    .toLowerCase();
}
