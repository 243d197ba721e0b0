import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSmtpClient, type Mail, type SmtpClient, type SmtpOptions } from '../../clients/smtp/index.ts';
import { ensureCertificates, type Certificates } from '../../lab/certificates.ts';
import { ScaledClock } from '../../lab/core/clock.ts';
import type { LabContext } from '../../lab/core/context.ts';
import { EventLog } from '../../lab/core/event-log.ts';
import { FaultBoard, type FaultVerdict } from '../../lab/core/faults.ts';
import { MailSink, type MailSinkOptions } from '../../lab/mail/sink.ts';

const mail: Mail = {
  messageId: '<report/1@lab.example>',
  date: new Date('2026-11-22T03:14:00Z'),
  from: { name: 'Caretaker', address: 'caretaker@lab.example' },
  to: ['admin@lab.example'],
  subject: 'Rolling update of homelab: done',
  text: 'Every node is up to date.',
};
const LOGIN = { user: 'caretaker', password: 'correct horse' };
const login = { user: LOGIN.user, password: () => Promise.resolve(LOGIN.password) };

let context: LabContext;
let sink: MailSink;

beforeEach(async () => {
  const clock = new ScaledClock(20);
  const log = new EventLog(clock);
  const directory = await mkdtemp(join(tmpdir(), 'lab-mail-'));
  context = { clock, log, faults: new FaultBoard(log), directory };
});
afterEach(async () => {
  await sink.stop();
  context.clock.stop();
  await rm(context.directory, { recursive: true });
});

async function start(options: MailSinkOptions = {}): Promise<void> {
  sink = new MailSink(context, options);
  await sink.start();
}

async function encrypted(): Promise<Certificates & { readonly server: MailSinkOptions }> {
  const certificates = await ensureCertificates(context.directory, ['mail']);
  const { key = '', certificate = '' } = certificates.nodes.get('mail') ?? {};
  return { ...certificates, server: { key, certificate } };
}

function client(options: Partial<SmtpOptions> = {}): SmtpClient {
  const timeouts = { connect: 5_000, reply: 5_000, total: 10_000, ...options.timeouts };
  return createSmtpClient({ host: '127.0.0.1', port: sink.port, security: 'none', ...options, timeouts });
}

function onMail(step: string, verdict: FaultVerdict, recipient?: string): void {
  context.faults.add((point) =>
    point.at === 'mail' && point.step === step && (recipient === undefined || point.recipient === recipient)
      ? verdict
      : undefined,
  );
}

describe('a mail', () => {
  it('arrives as it was sent, with the Message-ID and the date of the caller', async () => {
    await start();
    await expect(client().send(mail)).resolves.toEqual({ accepted: ['admin@lab.example'], rejected: [] });
    expect(sink.messages).toHaveLength(1);
    expect(sink.messages[0]).toMatchObject({
      from: 'caretaker@lab.example',
      to: ['admin@lab.example'],
      messageId: '<report/1@lab.example>',
      subject: mail.subject,
    });
    expect(sink.messages[0]?.text.trim()).toBe(mail.text);
    expect(sink.messages[0]?.headers).toMatchObject({
      date: 'Sun, 22 Nov 2026 03:14:00 +0000',
      'auto-submitted': 'auto-generated',
    });
  });

  it('has its text before its HTML, whatever letters and long lines they hold', async () => {
    await start();
    const text = `Knoten „pve-node1“ → erneuert ✔\n${'lang '.repeat(400)}\n.\nEnde`;
    const html = `<p>${'ä&lt;'.repeat(400)}</p>`;
    await client().send({ ...mail, subject: 'Größe → 漢字 ✔ '.repeat(8).trim(), text, html });
    const [stored] = sink.messages;
    expect(stored?.parts.map(({ type }) => type)).toEqual(['text/plain', 'text/html']);
    expect(stored?.subject).toBe('Größe → 漢字 ✔ '.repeat(8).trim());
    expect(stored?.text.trim()).toBe(text);
    expect(stored?.html?.trim()).toBe(html);
    for (const line of stored?.raw.split('\r\n') ?? []) expect(line.length).toBeLessThanOrEqual(998);
  });

  it('cannot smuggle headers or recipients in by its subject', async () => {
    await start();
    await client().send({ ...mail, subject: 'x\r\nBcc: other@evil.example\r\n\r\nbody' });
    expect(sink.messages[0]?.to).toEqual(['admin@lab.example']);
    expect(sink.messages[0]?.headers).not.toHaveProperty('bcc');
  });
});

describe('the connection', () => {
  it('is encrypted by STARTTLS, and the login is sent inside', async () => {
    const { server, caFile } = await encrypted();
    await start({ ...server, login: LOGIN });
    await client({ security: 'starttls', caFile, login }).send(mail);
    expect(sink.messages).toHaveLength(1);
  });

  it('is encrypted from the start', async () => {
    const { server, caFile } = await encrypted();
    await start({ ...server, implicitTls: true });
    await client({ security: 'tls', caFile }).send(mail);
    expect(sink.messages).toHaveLength(1);
  });

  it('is given up before anything is said when the server does not offer STARTTLS', async () => {
    await start({ login: LOGIN });
    const sending = client({ security: 'starttls', login }).send(mail);
    await expect(sending).rejects.toMatchObject({ name: 'SmtpError', type: 'SmtpTls', outcome: 'retryable' });
    expect(sink.messages).toEqual([]);
  });

  it('is given up when nobody known vouches for the server', async () => {
    const { server } = await encrypted();
    await start(server);
    const sending = client({ security: 'starttls' }).send(mail);
    await expect(sending).rejects.toMatchObject({
      type: 'SmtpTls',
      message: expect.stringMatching(/mail\.caFile/) as string,
    });
    expect(sink.messages).toEqual([]);
  });
});

describe('a failure', () => {
  it('is final for a wrong password, and does not repeat it', async () => {
    const { server, caFile } = await encrypted();
    await start({ ...server, login: LOGIN });
    const wrong = { user: LOGIN.user, password: () => Promise.resolve('hunter2') };
    const error = await client({ security: 'starttls', caFile, login: wrong })
      .send(mail)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ type: 'SmtpAuthentication', outcome: 'refused' });
    expect(JSON.stringify(error) + (error as Error).message).not.toContain('hunter2');
  });

  it.each([
    [451, 'message', 'SmtpDeferred', 'retryable'],
    [552, 'message', 'SmtpRefused', 'refused'],
    [421, 'connect', 'SmtpDeferred', 'retryable'],
    [554, 'connect', 'SmtpRefused', 'refused'],
    [450, 'recipient', 'SmtpDeferred', 'retryable'],
    [550, 'recipient', 'SmtpRefused', 'refused'],
  ] as const)('of %i at the %s is %s, %s', async (status, step, type, outcome) => {
    await start();
    onMail(step, { do: 'error', status, reason: 'as the test wants' });
    await expect(client().send(mail)).rejects.toMatchObject({ type, outcome });
    expect(sink.messages).toEqual([]);
  });

  it('of a server that is not there is worth another try', async () => {
    await start();
    await sink.stop();
    await expect(client().send(mail)).rejects.toMatchObject({ type: 'SmtpUnreachable', outcome: 'retryable' });
  });

  it('of a server that hangs up in the middle is worth another try', async () => {
    await start();
    onMail('message', { do: 'drop' });
    await expect(client().send(mail)).rejects.toMatchObject({ type: 'SmtpUnreachable', outcome: 'retryable' });
  });

  it('of a server that is too slow comes at the limit', async () => {
    await start();
    onMail('message', { do: 'delay', ms: 3_600_000 });
    const timeouts = { connect: 5_000, reply: 60_000, total: 300 };
    await expect(client({ timeouts }).send(mail)).rejects.toMatchObject({
      type: 'SmtpUnreachable',
      message: expect.stringContaining('in time') as string,
    });
  });
});

describe('several recipients', () => {
  const to = ['one@lab.example', 'two@lab.example', 'three@lab.example'];

  it('are told apart: who has it, who will have to wait, who will never get it', async () => {
    await start();
    onMail('recipient', { do: 'error', status: 450, reason: 'come back later' }, 'two@lab.example');
    onMail('recipient', { do: 'error', status: 550, reason: 'no such user' }, 'three@lab.example');
    const { accepted, rejected } = await client().send({ ...mail, to });
    expect(accepted).toEqual(['one@lab.example']);
    expect(rejected).toEqual([
      { address: 'two@lab.example', reply: '450 come back later', final: false },
      { address: 'three@lab.example', reply: '550 no such user', final: true },
    ]);
    expect(sink.messages[0]?.to).toEqual(['one@lab.example']);
  });

  it('are all tried again when nobody got it and one of them only has to wait', async () => {
    await start();
    onMail('recipient', { do: 'error', status: 550, reason: 'no such user' });
    onMail('recipient', { do: 'error', status: 450, reason: 'come back later' }, 'two@lab.example');
    await expect(client().send({ ...mail, to })).rejects.toMatchObject({ type: 'SmtpDeferred', outcome: 'retryable' });
  });
});
