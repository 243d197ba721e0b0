import { spawn } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ScaledClock } from '../../lab/core/clock.ts';
import type { Machine } from '../../lab/core/machine.ts';
import { fastSite, processesOf, until } from './lab-machine-site.ts';
import type { Site } from './lab-machine-site.ts';

let site: Site<ScaledClock>;
let machine: Machine;

beforeAll(async () => {
  site = fastSite();
  machine = await site.machine();
});
afterAll(() => site.close());

describe('the relay between a shell and the lab', () => {
  it('carries any argument and any output unchanged', async () => {
    // No NUL: an argument cannot hold one.
    const unit = fc.constantFrom<'binary-ascii' | 'grapheme'>('binary-ascii', 'grapheme');
    const text = unit.chain((kind) => fc.string({ unit: kind })).map((value) => value.replaceAll('\0', ''));
    const awkward = fc.constantFrom(
      '\n',
      '\\',
      '\\n',
      "'",
      '"',
      '$(id)',
      '`id`',
      '%s',
      '-',
      '\r\n',
      ' ',
      '\t',
      '',
      '*',
      '\\0',
      'ä',
    );
    const word = fc.oneof(
      text,
      awkward,
      fc.array(awkward, { maxLength: 6 }).map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 5 }), word, word, async (args, out, err) => {
        let received: readonly string[] = [];
        machine.command('pvecm', (call) => {
          received = call.args;
          call.out(out);
          call.err(err);
          call.out(out);
          return Promise.resolve(args.length);
        });
        const line = ['pvecm', ...args].map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(' ');
        expect(await machine.exec(line)).toEqual({ code: args.length, stdout: out + out, stderr: err });
        expect(received).toEqual(args);
      }),
      { numRuns: 60 },
    );
  });

  it('passes NUL bytes in output', async () => {
    machine.command('pvecm', (call) => {
      call.out('a\0b\0');
      return Promise.resolve(0);
    });
    expect((await machine.exec('pvecm')).stdout).toBe('a\0b\0');
  });

  it('keeps calls apart that come at the same time', async () => {
    machine.command('pvecm', async (call) => {
      for (const part of ['<', call.args[0] ?? '', '>']) {
        call.out(part);
        await site.clock.sleep(100);
      }
      return 0;
    });
    const { stdout } = await machine.exec('for n in $(seq 60); do pvecm $n & done | cat; wait');
    const parts = Array.from({ length: 60 }, (_, n) => `${n + 1}`);
    for (const part of parts) expect(stdout).toContain(part);
    expect(stdout).toHaveLength(60 * 2 + parts.join('').length);
  });

  it('ends for a reader that has seen enough', async () => {
    machine.command('pvecm', async (call) => {
      for (;;) {
        call.out('line\n');
        await site.clock.sleep(100, call.signal);
      }
    });
    expect(await machine.exec('pvecm | head -n 2')).toEqual({ code: 0, stdout: 'line\nline\n', stderr: '' });
  });

  it('survives a caller whose standard input or output is closed', async () => {
    machine.command('pvecm', async (call) => {
      let bytes = 0;
      for await (const chunk of call.stdin) bytes += chunk.length;
      call.out(`${bytes}\n`);
      return 3;
    });
    expect(await machine.exec('pvecm <&-')).toMatchObject({ code: 3, stdout: '0\n' });
    expect((await machine.exec('pvecm >&- 2>&-')).code).toBe(3);
  });

  it('reports an error of the lab itself as one', async () => {
    machine.command('pvecm', () => Promise.reject(new Error('broken')));
    expect(await machine.exec('pvecm')).toEqual({ code: 255, stdout: '', stderr: 'lab: Error: broken\n' });
  });

  it('kills what a lab that died in the same directory left behind', async () => {
    const LAB_MACHINE = join(site.directory, 'machines', 'qemu-210');
    const orphan = spawn('sleep', ['1000'], { env: { PATH: '/usr/bin:/bin', LAB_MACHINE }, stdio: 'ignore' });
    const ended = new Promise((resolve) => orphan.once('exit', (_code, signal) => resolve(signal)));
    await until(() => processesOf(LAB_MACHINE).length === 1);
    await site.machine({ id: 'qemu/210', hostname: 'docker', kind: 'debian' });
    expect(await ended).toBe('SIGKILL');
  });
});
