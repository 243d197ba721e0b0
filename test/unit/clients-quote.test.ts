import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote, sh } from '../../clients/ssh/index.ts';

const specials = fc.constantFrom(
  "'",
  '"',
  '\\',
  '\n',
  '\r',
  '\t',
  ' ',
  '$',
  '`',
  '!',
  '*',
  '?',
  '~',
  '#',
  '-',
  '=',
  'ü',
  '🚀',
  '\u0001',
  '',
);
const argument = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
  fc.array(specials).map((parts) => parts.join('')),
);

describe('quote', () => {
  it('brings any text through a real shell unchanged', () => {
    fc.assert(
      fc.property(fc.array(argument, { minLength: 60, maxLength: 80 }), (texts) => {
        const line = `printf '%s\\0' ${texts.map(quote).join(' ')}`;
        const heard = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
        expect(heard.split('\0').slice(0, -1)).toEqual(texts);
      }),
      { numRuns: 20 },
    );
  });

  it('refuses a text with NUL, which no argument can hold', () => {
    expect(() => quote('a\0b')).toThrow(/NUL/);
  });

  it('inserts values into a line as one argument each', () => {
    const heard = execFileSync('/bin/sh', ['-c', sh`printf '<%s>' ${'a b'} ${7} ${"it's"}`], { encoding: 'utf8' });
    expect(heard).toBe("<a b><7><it's>");
  });
});
