import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodemailer from 'nodemailer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScaledClock } from '../../lab/core/clock.ts';
import { EventLog } from '../../lab/core/event-log.ts';
import { FaultBoard } from '../../lab/core/faults.ts';
import { showMails } from '../../lab/mail/show.ts';
import { MailSink } from '../../lab/mail/sink.ts';

let directory: string;
let clock: ScaledClock;
let sink: MailSink;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lab-mail-'));
  clock = new ScaledClock(1);
  const log = new EventLog(clock);
  sink = new MailSink({ clock, log, faults: new FaultBoard(log), directory });
  await sink.start();
});
afterEach(async () => {
  await sink.stop();
  clock.stop();
  await rm(directory, { recursive: true });
});

async function send(subject: string): Promise<void> {
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port: sink.port, ignoreTLS: true });
  await transport.sendMail({ from: 'a@lab.example', to: 'b@lab.example', subject, text: 'Grüße', html: '<p>Grüße' });
  transport.close();
}

describe('the mails of the lab', () => {
  it('are listed and shown as a person reads them', async () => {
    expect(showMails(['--directory', directory])).toContain('no mail yet');
    await send('first');
    await send('Größe ✔');
    expect(showMails(['--directory', directory])).toMatch(/1 .* b@lab\.example {2}first\n.*2 .* Größe ✔\n/);
    const shown = showMails(['2', '--directory', directory]);
    expect(shown).toContain('Subject     Größe ✔');
    expect(shown).toContain('Grüße');
    expect(showMails(['2', '--raw', '--directory', directory])).toMatch(/^Content-Type: multipart\/alternative/m);
  });

  it('are asked for by a number that there is', async () => {
    await send('first');
    expect(() => showMails(['2', '--directory', directory])).toThrow('there is no mail number 2; the lab has taken 1');
  });
});
