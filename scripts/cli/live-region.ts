import { wrapLines } from './render/style.ts';
import type { Output } from './terminal.ts';

/** The last lines of a terminal, drawn again and again in place. */
export class LiveRegion {
  readonly #out: Output;
  #height = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  /** Replaces what was drawn before. What does not fit on the screen is cut, because it could not be erased. */
  draw(text: string): void {
    const lines = wrapLines(text, this.#out.columns ?? 80);
    const room = Math.max(4, (this.#out.rows ?? 40) - 1);
    const shown = lines.length > room ? [...lines.slice(0, room - 1), '…'] : lines;
    this.#out.write(`${this.#erase()}${shown.join('\n')}\n`);
    this.#height = shown.length;
  }

  clear(): void {
    this.#out.write(this.#erase());
    this.#height = 0;
  }

  #erase(): string {
    return this.#height === 0 ? '' : `\u001b[${this.#height}A\u001b[0J`;
  }
}
