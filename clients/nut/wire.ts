/**
 * The words of a line: parted by blanks, `"` around a word that holds some, `\` before a character that stands for
 * itself (RFC 9271, section 4.1). Undefined for a quote that is not closed or a `\` before nothing.
 */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '\\') {
      if (++at === line.length) return undefined;
      word = (word ?? '') + line.charAt(at);
    } else if (quoted ? char === '"' : word !== undefined && isBlank(char)) {
      words.push(word ?? '');
      word = undefined;
      quoted = false;
    } else if (!quoted && word === undefined && char === '"') {
      word = '';
      quoted = true;
    } else if (quoted || !isBlank(char)) {
      word = (word ?? '') + char;
    }
  }
  if (quoted) return undefined;
  return word === undefined ? words : [...words, word];
}

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t';
}

/**
 * A line of these words; what is not plain is quoted. Undefined for a word that no line can hold. `#` is escaped, too: after
 * a blank, upsd takes the rest of the line for a comment, the end of the quote included, and never answers.
 */
export function joinWords(words: readonly string[]): string | undefined {
  // eslint-disable-next-line no-control-regex -- control characters are what is meant
  if (words.some((word) => /[\u0000-\u001f\u007f]/.test(word))) return undefined;
  return words.map((word) => (/^[\w.:+@/-]+$/.test(word) ? word : `"${word.replaceAll(/["#\\]/g, '\\$&')}"`)).join(' ');
}

/** Lines out of segments, which may end anywhere. Bytes of a line that is not complete are kept, up to a limit. */
export class LineReader {
  readonly #maxBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True while something was received that belongs to no line yet. */
  get midLine(): boolean {
    return this.#rest.length > 0;
  }

  /** The lines that `segment` completes, without LF and CR LF; undefined when one is too long. */
  push(segment: Buffer): readonly string[] | undefined {
    const lines: string[] = [];
    let from = 0;
    for (let end = segment.indexOf(10); end !== -1; end = segment.indexOf(10, from)) {
      const line = Buffer.concat([this.#rest, segment.subarray(from, end)]);
      if (line.length > this.#maxBytes) return undefined;
      lines.push(line.toString('utf8').replace(/\r$/, ''));
      this.#rest = Buffer.alloc(0);
      from = end + 1;
    }
    this.#rest = Buffer.concat([this.#rest, segment.subarray(from)]);
    return this.#rest.length > this.#maxBytes ? undefined : lines;
  }
}
