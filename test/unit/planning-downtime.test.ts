import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DOWNTIME_TASKS, downtimeOf, type GuestTask } from '../../planning/downtime.ts';

function task(type: string, startedAt: number, endedAt: number | null, changes: Partial<GuestTask> = {}): GuestTask {
  return { vmid: 100, type, startedAt, endedAt, ok: true, stoodStillMs: null, ...changes };
}

describe('the downtime of a guest', () => {
  it('is the figure of QEMU for live migrations, there and back', () => {
    const tasks = [
      task('qmigrate', 0, 20_000, { stoodStillMs: 59 }),
      task('qmigrate', 60_000, 80_000, { stoodStillMs: 45 }),
    ];
    expect(downtimeOf(tasks)).toEqual({ milliseconds: 104, certainty: 'measured', stillDown: false });
  });

  it('is at most the length of the migration where there is no figure, as for every container', () => {
    expect(downtimeOf([task('vzmigrate', 5_000, 25_000)])).toEqual({
      milliseconds: 21_000,
      certainty: 'at-most',
      stillDown: false,
    });
    expect(downtimeOf([task('qmigrate', 5_000, 5_000)])).toMatchObject({ milliseconds: 1_000, certainty: 'at-most' });
  });

  it('is at most from the beginning of a shutdown to the end of the next start', () => {
    const tasks = [task('qmstart', 300_000, 304_000), task('qmshutdown', 10_000, 40_000)];
    expect(downtimeOf(tasks)).toEqual({ milliseconds: 295_000, certainty: 'at-most', stillDown: false });
  });

  it('goes on after a start that failed', () => {
    const tasks = [
      task('vzshutdown', 0, 5_000),
      task('vzstart', 10_000, 11_000, { ok: false }),
      task('vzstart', 20_000, 22_000),
    ];
    expect(downtimeOf(tasks)?.milliseconds).toBe(23_000);
  });

  it('says that a guest is still down when no start followed', () => {
    expect(downtimeOf([task('qmshutdown', 0, 5_000)])).toMatchObject({ stillDown: true });
  });

  it('counts from a shutdown that came too late for its task', () => {
    const tasks = [task('qmshutdown', 0, 60_000, { ok: false }), task('qmstart', 100_000, 104_000)];
    expect(downtimeOf(tasks)).toEqual({ milliseconds: 105_000, certainty: 'at-most', stillDown: false });
  });

  it('is not there for a shutdown that a guest ignored, nor for a live migration that failed', () => {
    expect(downtimeOf([task('qmshutdown', 0, 60_000, { ok: false })])).toBeNull();
    expect(downtimeOf([task('qmigrate', 0, 9_000, { ok: false })])).toBeNull();
  });

  it('takes the start that the target of a live migration notes for no downtime', () => {
    const tasks = [task('qmigrate', 0, 20_000, { stoodStillMs: 59 }), task('qmstart', 1_000, 2_000)];
    expect(downtimeOf(tasks)).toMatchObject({ milliseconds: 59, certainty: 'measured' });
  });

  it('is never called measured when anything but a figure of QEMU is in it, and never shrinks by another task', () => {
    const anyTask = fc
      .record({
        type: fc.constantFrom(...DOWNTIME_TASKS),
        startedAt: fc.nat(100).map((second) => second * 1_000),
        length: fc.nat(50).map((second) => second * 1_000),
        ok: fc.boolean(),
        figure: fc.option(fc.nat(500)),
      })
      .map(({ type, startedAt, length, ok, figure }) =>
        task(type, startedAt, startedAt + length, { ok, stoodStillMs: type === 'qmigrate' ? figure : null }),
      );
    fc.assert(
      fc.property(fc.array(anyTask), fc.nat(500), (tasks, figure) => {
        const downtime = downtimeOf(tasks);
        const known = tasks.filter(({ type, ok }) => type === 'qmigrate' && ok);
        const figures = known.reduce((sum, { stoodStillMs }) => sum + (stoodStillMs ?? 0), 0);
        expect(downtime?.milliseconds ?? 0).toBeGreaterThanOrEqual(figures);
        if (downtime?.certainty === 'measured') expect(downtime.milliseconds).toBe(figures);
        const more = downtimeOf([...tasks, task('qmigrate', 0, 1_000, { stoodStillMs: figure })]);
        expect(more?.milliseconds).toBe((downtime?.milliseconds ?? 0) + figure);
      }),
    );
  });
});
