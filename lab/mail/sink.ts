import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import type { LabContext } from '../core/context.ts';
import type { FaultVerdict } from '../core/faults.ts';
import { readMail, type StoredMail } from './message.ts';

/** Who a mail server is and whom it lets in. Without a certificate it speaks clear text only. */
export interface MailSinkOptions {
  readonly key?: string;
  readonly certificate?: string;
  /** Encrypted from the first byte instead of by STARTTLS. */
  readonly implicitTls?: boolean;
  /** Without it everybody may send. */
  readonly login?: { readonly user: string; readonly password: string };
}

/**
 * A mail server that delivers nothing: what it takes is kept in `<directory>/mail`, a file each, and in memory. Faults
 * strike at `{ at: 'mail' }`.
 */
export class MailSink {
  readonly #context: LabContext;
  readonly #options: MailSinkOptions;
  readonly #folder: string;
  readonly #messages: StoredMail[] = [];
  #server: SMTPServer | undefined;
  #port = 0;

  constructor(context: LabContext, options: MailSinkOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.#folder = mailFolder(context.directory);
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  get port(): number {
    return this.#port;
  }

  /** What it has taken, oldest first. */
  get messages(): readonly StoredMail[] {
    return this.#messages;
  }

  /** Listens; after a `stop` on the same port as before. */
  async start(): Promise<void> {
    const server = this.#createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', () => {
        server.off('error', reject);
        // A client that hangs up in the middle of something is its own business.
        server.on('error', () => undefined);
        resolve();
      });
    });
    this.#port = (server.server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #createServer(): SMTPServer {
    const { key, certificate, implicitTls = false, login } = this.#options;
    const encrypted = key !== undefined && certificate !== undefined;
    return new SMTPServer({
      banner: 'lab',
      logger: false,
      disableReverseLookup: true,
      closeTimeout: 1,
      secure: implicitTls,
      ...(encrypted ? { key, cert: certificate } : {}),
      disabledCommands: [...(encrypted ? [] : ['STARTTLS']), ...(login === undefined ? ['AUTH'] : [])],
      authOptional: login === undefined,
      onAuth: ({ username, password }, _session, done) => {
        if (username === login?.user && password === login?.password) return done(null, { user: username });
        done(reply(535, '5.7.8 Authentication credentials invalid'));
      },
      onConnect: (_session, done) => void this.#meet({ step: 'connect' }, done),
      onRcptTo: ({ address }, _session, done) => void this.#meet({ step: 'recipient', recipient: address }, done),
      onData: (stream, { envelope }, done) => {
        void text(stream).then(async (raw) => {
          const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
          const to = envelope.rcptTo.map(({ address }) => address);
          await this.#meet({ step: 'message' }, async (error) => {
            if (error) return done(error);
            this.#keep(raw, from, to);
            // The mail is taken; a fault from here on takes only the answer away.
            await this.#meet({ step: 'answer' }, (late) => done(late ?? null));
          });
        }, done);
      },
    });
  }

  /** Asks the faults; goes on with an error for an error, and never for a drop: then the connection is gone. */
  async #meet(
    at: { readonly step: 'connect' | 'recipient' | 'message' | 'answer'; readonly recipient?: string },
    goOn: (error?: Error | null) => void | Promise<void>,
  ): Promise<void> {
    const verdict = this.#context.faults.consult({ at: 'mail', machine: 'mail', ...at });
    if (verdict?.do === 'drop' || verdict?.do === 'die') return this.#cut();
    if (verdict?.do === 'delay') await this.#context.clock.sleep(verdict.ms);
    await goOn(errorOf(verdict));
  }

  #cut(): void {
    for (const connection of this.#server?.connections ?? []) connection._socket.destroy();
  }

  #keep(raw: string, from: string, to: readonly string[]): void {
    const number = this.#messages.length + 1;
    const envelope = { at: new Date(this.#context.clock.now()).toISOString(), from, to };
    writeFileSync(mailFile(this.#folder, number), raw);
    appendFileSync(envelopesFile(this.#folder), `${JSON.stringify(envelope)}\n`);
    const mail = readMail(raw, envelope);
    this.#messages.push(mail);
    this.#context.log.record('smtp', 'mail.accepted', 'mail', { messageId: mail.messageId, subject: mail.subject, to });
  }
}

export function mailFolder(directory: string): string {
  return join(directory, 'mail');
}

/** A mail as it came; the first one has number 1. */
export function mailFile(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(4, '0')}.eml`);
}

/** An envelope a line, in the order of the mails' numbers. */
export function envelopesFile(folder: string): string {
  return join(folder, 'envelopes.jsonl');
}

function errorOf(verdict: FaultVerdict | undefined): Error | null {
  return verdict?.do === 'error' ? reply(verdict.status ?? 451, verdict.reason) : null;
}

function reply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
