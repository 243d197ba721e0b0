import { rowsOf } from './render/style.ts';
import type { Output } from './terminal.ts';

/** The last lines of a terminal, drawn again and again in place. */
export class LiveRegion {
  readonly #out: Output;
  #shown: readonly string[] = [];

  constructor(out: Output) {
    this.#out = out;
  }

  /**
   * Replaces what was drawn before. The end of what does not fit on the screen is cut, because it could not be erased.
   * Long lines are left to the terminal to break, which keeps a link in them one link.
   */
  draw(text: string): void {
    const erase = this.#erase();
    this.#shown = this.#fit(text.split('\n'));
    this.#out.write(`${erase}${this.#shown.join('\n')}\n`);
  }

  clear(): void {
    this.#out.write(this.#erase());
    this.#shown = [];
  }

  /** Counts the rows as wide as the terminal is now: a resized terminal has broken the lines anew. */
  #erase(): string {
    if (this.#shown.length === 0) return '';
    // The carriage return undoes what a terminal echoes at the cursor, such as ^C.
    return `\r\u001b[${this.#rows(this.#shown)}A\u001b[0J`;
  }

  #fit(lines: readonly string[]): readonly string[] {
    const room = Math.max(4, (this.#out.rows ?? 40) - 1);
    if (this.#rows(lines) <= room) return lines;
    const shown: string[] = [];
    for (const line of lines) {
      if (this.#rows([...shown, line]) > room - 1) break;
      shown.push(line);
    }
    return [...shown, '…'];
  }

  #rows(lines: readonly string[]): number {
    const columns = this.#out.columns ?? 80;
    return lines.reduce((sum, line) => sum + rowsOf(line, columns), 0);
  }
}
