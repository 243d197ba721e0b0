import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { reservePort } from '../../lab/core/ports.ts';

const PORT = 14_000 + (process.pid % 900);

it('a port of a machine that is off is given to no other machine, but to itself again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ports-'));
  try {
    expect(reservePort(PORT, folder)).toBe(true);
    expect(reservePort(PORT, `${folder}-other`)).toBe(false);
    expect(reservePort(PORT, folder)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('a port whose holder has died without a word is free', () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const port = PORT + 1_000;
  expect(reservePort(port, 'makes the folder')).toBe(true);
  writeFileSync(join(tmpdir(), `caretaker-lab-ports-${userInfo().uid}`, String(port)), `${gone} somebody`);
  expect(reservePort(port, 'another')).toBe(true);
});
