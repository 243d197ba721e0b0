import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlreadyRunningError, claim } from '../../scripts/lib/single-instance.ts';
import { describeStartError } from '../../scripts/lib/start-errors.ts';
import { UsageError } from '../../scripts/lib/start-options.ts';
import { WorkerStartError } from '../../scripts/lib/worker-process.ts';

describe('an error of npm start', () => {
  it('is told by its message where that has a remedy', () => {
    for (const kind of [UsageError, WorkerStartError, AlreadyRunningError]) {
      expect(describeStartError(new kind('do this'))).toBe('do this');
    }
  });

  it('names the file and what to do where the disk refuses', () => {
    const refused = (code: string) => Object.assign(new Error(code), { code, path: '/srv/x' });
    expect(describeStartError(refused('EACCES'))).toMatch(/^Cannot use \/srv\/x: this user may not write there\. Make/);
    expect(describeStartError(refused('EROFS'))).toContain('read-only');
    expect(describeStartError(refused('ENOSPC'))).toContain('the disk is full');
  });

  it('says that Temporal is gone instead of showing a gRPC failure', () => {
    const unavailable = Object.assign(new Error('14 UNAVAILABLE: No connection established'), {
      code: 14,
      details: 'No connection established',
      metadata: {},
    });
    const wrapped = new Error('Failed to get result', { cause: unavailable });
    expect(describeStartError(wrapped)).toMatch(/^Temporal stopped answering \(No connection established\)/);
  });

  it('keeps its stack trace where it is a fault of ours', () => {
    expect(describeStartError(new TypeError('undefined is not a function'))).toBeUndefined();
  });
});

describe('the place of the one process', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'caretaker-claim-'));
    file = join(folder, 'state', 'lab.pid');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is refused while another process that lives holds it, naming that process', () => {
    claim(file, 'The lab');
    writeFileSync(file, String(process.ppid));
    expect(() => claim(file, 'The lab')).toThrow(`The lab is already running, as process ${process.ppid}.`);
  });

  it('is taken over from a process that was killed', () => {
    claim(file, 'The lab');
    writeFileSync(file, String(spawnSync(process.execPath, ['-e', '']).pid));
    claim(file, 'The lab');
    expect(readFileSync(file, 'utf8')).toBe(String(process.pid));
  });

  it('is given up only by the one who holds it', () => {
    const release = claim(file, 'The lab');
    writeFileSync(file, String(process.ppid));
    release();
    expect(readFileSync(file, 'utf8')).toBe(String(process.ppid));
  });
});
