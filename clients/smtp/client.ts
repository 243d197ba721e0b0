import { readFile } from 'node:fs/promises';
import nodemailer from 'nodemailer';
import { SmtpError, type SmtpErrorType, type SmtpOutcome } from './errors.ts';

/** `tls`: encrypted from the first byte. `starttls`: encrypted before anything is said, or not at all. */
export type SmtpSecurity = 'tls' | 'starttls' | 'none';

export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly security: SmtpSecurity;
  /** Authority that signed the server's certificate; default: those that Node.js knows. */
  readonly caFile?: string;
  readonly login?: { readonly user: string; readonly password: () => Promise<string> };
  /** Milliseconds: to connect, between two replies, and in all. */
  readonly timeouts: { readonly connect: number; readonly reply: number; readonly total: number };
}

export interface Mail {
  /** `<unique@domain>`. The same mail has the same one at every try, so that a server or a reader can tell a repetition. */
  readonly messageId: string;
  readonly date: Date;
  readonly from: { readonly name: string; readonly address: string };
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}

/** Where the mail went. Never empty of `accepted`, unless nobody was refused for good. */
export interface Delivery {
  readonly accepted: readonly string[];
  /** Recipients that the server did not take, while it took others. */
  readonly rejected: readonly { readonly address: string; readonly reply: string; readonly final: boolean }[];
}

export interface SmtpClient {
  /**
   * Hands `mail` to the server (RFC 5321). Resolves when the server has taken it for at least one recipient.
   *
   * @throws {SmtpError}
   */
  send(mail: Mail, signal?: AbortSignal): Promise<Delivery>;
}

export function createSmtpClient(options: SmtpOptions): SmtpClient {
  const server = `${options.host}:${options.port}`;
  return {
    async send(mail, signal) {
      const transport = await createTransport(options);
      const limit = AbortSignal.timeout(options.timeouts.total);
      try {
        const { accepted, rejectedErrors } = await transport.sendMail({
          ...mail,
          to: [...mail.to],
          // Says to other programs that nobody waits for their answer (RFC 3834).
          headers: { 'Auto-Submitted': 'auto-generated' },
          // Contents are texts, never names of files or addresses to fetch them from.
          disableFileAccess: true,
          disableUrlAccess: true,
          signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        });
        return { accepted, rejected: (rejectedErrors ?? []).map(describeRejection) };
      } catch (error) {
        if (signal?.aborted) throw error;
        throw explain(error as ServerError, server, limit.aborted);
      } finally {
        transport.close();
      }
    },
  };
}

async function createTransport({ host, port, security, caFile, login, timeouts }: SmtpOptions) {
  return nodemailer.createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(caFile === undefined ? {} : { tls: { ca: await readFile(caFile, 'utf8') } }),
    ...(login === undefined ? {} : { auth: { user: login.user, pass: await login.password() } }),
    connectionTimeout: timeouts.connect,
    dnsTimeout: timeouts.connect,
    greetingTimeout: timeouts.reply,
    socketTimeout: timeouts.reply,
  });
}

/** What nodemailer adds to its errors. */
interface ServerError extends Error {
  readonly code?: string | undefined;
  /** The server's reply, where it gave one. */
  readonly response?: string | false | undefined;
  readonly responseCode?: number | undefined;
  /** A reply of 5xx that the same mail would get again. */
  readonly permanent?: boolean | undefined;
  readonly recipient?: string | undefined;
}

function describeRejection({ recipient = '', response, message, permanent = false }: ServerError) {
  return { address: recipient, reply: response || message, final: permanent };
}

function explain(error: ServerError, server: string, tookTooLong: boolean): SmtpError {
  const said = typeof error.response === 'string' && error.response !== '' ? error.response : error.message;
  const final = error.permanent === true;
  const fail = (type: SmtpErrorType, message: string, outcome: SmtpOutcome = final ? 'refused' : 'retryable') =>
    new SmtpError(type, outcome, server, message, error);
  if (tookTooLong) return fail('SmtpUnreachable', 'did not take the mail in time. See whether it is overloaded.');
  if (error.code === 'EAUTH') {
    return fail('SmtpAuthentication', `does not accept the login: ${said}. Check mail.user and mail.password.`);
  }
  if (error.code === 'ETLS' || /certificate|self.signed|SSL|TLS/i.test(error.message)) {
    // Nothing was said about the mail itself; a certificate that has run out will be renewed.
    return fail(
      'SmtpTls',
      `no secure connection: ${said}. Check mail.security, mail.port and mail.caFile.`,
      'retryable',
    );
  }
  if (error.responseCode === undefined) {
    return fail('SmtpUnreachable', `${said}. Check mail.host and mail.port, and whether it runs.`);
  }
  return final
    ? fail('SmtpRefused', `refuses the mail: ${said}. Check mail.from and mail.to, and what it accepts.`)
    : fail('SmtpDeferred', `puts the mail off: ${said}.`);
}
