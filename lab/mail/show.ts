import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readMail, type MailEnvelope, type StoredMail } from './message.ts';
import { envelopesFile, mailFile, mailFolder } from './sink.ts';

const USAGE = `Shows the mails that the lab has taken.

  mail              list them
  mail <number>     show one
  --raw             as it came, with all its headers
  --directory <dir> the lab's directory (default: that of the lab that took a mail last)
`;

/** Where `npm start` and the lab alone keep their files. */
const DIRECTORIES = [join('.caretaker', 'lab', 'lab'), join('.caretaker', 'lab-alone')];

/**
 * What `lab mail` prints.
 *
 * @throws Error with what to do
 */
export function showMails(args: readonly string[]): string {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { directory: { type: 'string' }, raw: { type: 'boolean', default: false }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.help) return USAGE;
  const mails = readMails(values.directory === undefined ? lastUsed() : resolve(values.directory));
  const [wanted] = positionals;
  if (wanted === undefined) return list(mails);
  const mail = mails[Number(wanted) - 1];
  if (mail === undefined) throw new Error(`there is no mail number ${wanted}; the lab has taken ${mails.length}`);
  return values.raw ? mail.raw : show(mail);
}

function lastUsed(): string {
  const known = DIRECTORIES.filter((directory) => existsSync(mailFolder(directory)));
  const [latest] = known.sort((a, b) => changedAt(b) - changedAt(a));
  if (latest === undefined) throw new Error('no lab has been started here; start one with npm start');
  return latest;
}

function changedAt(directory: string): number {
  return statSync(mailFolder(directory)).mtimeMs;
}

function readMails(directory: string): StoredMail[] {
  const folder = mailFolder(directory);
  const index = envelopesFile(folder);
  if (!existsSync(index)) return [];
  return readFileSync(index, 'utf8')
    .trim()
    .split('\n')
    .map((line, position) => {
      const raw = readFileSync(mailFile(folder, position + 1), 'utf8');
      return readMail(raw, JSON.parse(line) as MailEnvelope);
    });
}

function list(mails: readonly StoredMail[]): string {
  if (mails.length === 0) return 'The lab has taken no mail yet.\n';
  const lines = mails.map(
    ({ at, to, subject }, index) =>
      `${String(index + 1).padStart(3)}  ${at.slice(0, 19)}  ${to.join(', ')}  ${subject}\n`,
  );
  return `${lines.join('')}\nShow one: lab mail <number>\n`;
}

function show({ at, headers, to, subject, messageId, text, html }: StoredMail): string {
  return [
    `Subject     ${subject}`,
    `From        ${headers['from'] ?? ''}`,
    `To          ${to.join(', ')}`,
    `Taken       ${at}`,
    `Message-ID  ${messageId}`,
    `HTML        ${html === null ? 'none' : `${html.length} characters`}`,
    '',
    text,
  ].join('\n');
}
