/** Collects output within a bound: the first half of it and the last half are kept, what lies between is counted. */
export class BoundedOutput {
  readonly #half: number;
  readonly #head: Buffer[] = [];
  #headSize = 0;
  #tail: Buffer[] = [];
  #tailSize = 0;
  #dropped = 0;

  constructor(maxBytes: number) {
    this.#half = Math.max(1, Math.floor(maxBytes / 2));
  }

  get truncated(): boolean {
    return this.#dropped > 0;
  }

  push(chunk: Buffer): void {
    const room = this.#half - this.#headSize;
    const first = chunk.subarray(0, room);
    if (first.length > 0) this.#head.push(first);
    this.#headSize += first.length;
    if (chunk.length > first.length) this.#pushTail(chunk.subarray(first.length));
  }

  #pushTail(chunk: Buffer): void {
    this.#tail.push(chunk);
    this.#tailSize += chunk.length;
    // Cut once the tail is twice its bound, so that cutting costs little per chunk.
    if (this.#tailSize > 2 * this.#half) this.#cutTail();
  }

  #cutTail(): void {
    const excess = this.#tailSize - this.#half;
    if (excess <= 0) return;
    this.#tail = [Buffer.concat(this.#tail).subarray(excess)];
    this.#tailSize = this.#half;
    this.#dropped += excess;
  }

  text(encoding: 'utf8' | 'latin1'): string {
    this.#cutTail();
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    if (this.#dropped === 0) return Buffer.concat([head, tail]).toString(encoding);
    return `${head.toString(encoding)}\n[${this.#dropped} bytes left out]\n${tail.toString(encoding)}`;
  }
}
