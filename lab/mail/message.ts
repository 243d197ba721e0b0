/** A mail as it came, taken apart by a reader of our own: a second opinion on what the sender put together. */
export interface StoredMail {
  /** By the lab's clock, ISO 8601. */
  readonly at: string;
  /** Sender and recipients of the envelope (RFC 5321), which the headers need not tell. */
  readonly from: string;
  readonly to: readonly string[];
  readonly messageId: string;
  readonly subject: string;
  /** By lower-case name; of a repeated one the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** Content types in their order: `['text/plain', 'text/html']`. */
  readonly parts: readonly MailPart[];
  readonly text: string;
  readonly html: string | null;
  readonly raw: string;
}

export interface MailPart {
  readonly type: string;
  readonly content: string;
}

export interface MailEnvelope {
  readonly at: string;
  readonly from: string;
  readonly to: readonly string[];
}

/** Reads a message in the format of RFC 5322 and RFC 2045 to 2047. */
export function readMail(raw: string, envelope: MailEnvelope): StoredMail {
  const { headers, body } = splitMessage(raw);
  const parts = readParts(headers, body);
  const contentOf = (type: string): string | undefined => parts.find((part) => part.type === type)?.content;
  return {
    ...envelope,
    messageId: headers['message-id'] ?? '',
    subject: decodeWords(headers['subject'] ?? ''),
    headers,
    parts,
    text: contentOf('text/plain') ?? '',
    html: contentOf('text/html') ?? null,
    raw,
  };
}

type Headers = Readonly<Record<string, string>>;

function splitMessage(raw: string): { headers: Headers; body: string } {
  const text = raw.replaceAll('\r\n', '\n');
  const end = text.indexOf('\n\n');
  const head = end < 0 ? text : text.slice(0, end);
  const lines = head.replaceAll(/\n[ \t]+/g, ' ').split('\n');
  const headers = Object.fromEntries(
    lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]] : [];
    }),
  ) as Headers;
  return { headers, body: end < 0 ? '' : text.slice(end + 2) };
}

function readParts(headers: Headers, body: string): MailPart[] {
  const contentType = headers['content-type'] ?? 'text/plain';
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (!type.startsWith('multipart/') || boundary === undefined) {
    return [{ type, content: decodeBody(headers['content-transfer-encoding'] ?? '7bit', body) }];
  }
  return `\n${body}`
    .split(`\n--${boundary}`)
    .slice(1)
    .filter((part) => !part.startsWith('--'))
    .flatMap((part) => {
      const inner = splitMessage(part.slice(1));
      return readParts(inner.headers, inner.body);
    });
}

function decodeBody(encoding: string, body: string): string {
  if (encoding.toLowerCase() === 'base64') return Buffer.from(body, 'base64').toString();
  return encoding.toLowerCase() === 'quoted-printable' ? decodeQuoted(body.replaceAll(/=\n/g, '')) : body;
}

function decodeQuoted(text: string): string {
  const bytes = text.replaceAll(/=([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

/** Words of a header outside ASCII (RFC 2047). White space between two of them is not part of the text. */
function decodeWords(header: string): string {
  return header
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?([BQ])\?([^?]*)\?=/gi, (_, encoding: string, word: string) =>
      encoding.toUpperCase() === 'B' ? Buffer.from(word, 'base64').toString() : decodeQuoted(word.replaceAll('_', ' ')),
    );
}
