import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { createTeardown } from '../../scripts/lib/teardown.ts';

let target: EventEmitter;
let log: string[];
let time: number;

beforeEach(() => {
  target = new EventEmitter();
  log = [];
  time = 0;
});

function teardownUnderTest() {
  return createTeardown({
    target: target as unknown as NodeJS.Process,
    say: (sentence) => log.push(sentence),
    exit: (code) => log.push(`exit ${code}`),
    now: () => time,
  });
}

describe('teardown', () => {
  it('runs the steps in reverse order, each after the one before has ended', async () => {
    const teardown = teardownUnderTest();
    teardown.add('stop Temporal', () => void log.push('Temporal'));
    teardown.add('stop the workers', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      log.push('workers');
    });
    await teardown.run();
    expect(log).toEqual(['workers', 'Temporal']);
  });

  it('runs once, however often it is asked to', async () => {
    const teardown = teardownUnderTest();
    teardown.add('stop Temporal', () => void log.push('Temporal'));
    await Promise.all([teardown.run(), teardown.run()]);
    await teardown.run();
    expect(log).toEqual(['Temporal']);
  });

  it('reports a step that fails and goes on with the rest', async () => {
    const teardown = teardownUnderTest();
    teardown.add('stop Temporal', () => void log.push('Temporal'));
    teardown.add('close the lab', () => {
      throw new Error('port is stuck');
    });
    await teardown.run();
    expect(log).toEqual(['Could not close the lab: port is stuck', 'Temporal']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('on %s runs the steps and ends with %i', async (signal, code) => {
    const teardown = teardownUnderTest();
    teardown.add('stop Temporal', () => void log.push('Temporal'));
    target.emit(signal, signal);
    await teardown.run();
    await expect.poll(() => log).toEqual(['Temporal', `exit ${code}`]);
  });

  it('tells its signal before the first step, so that what runs can stop', async () => {
    const teardown = teardownUnderTest();
    teardown.add('look', () => void log.push(`aborted: ${teardown.signal.aborted}`));
    target.emit('SIGINT', 'SIGINT');
    await teardown.run();
    expect(log[0]).toBe('aborted: true');
  });

  it('keeps quiet about what fails because its server was taken away', async () => {
    const teardown = teardownUnderTest();
    teardown.add('disconnect', () => void target.emit('uncaughtException', new Error('Channel has been shut down')));
    target.emit('SIGINT', 'SIGINT');
    await teardown.run();
    await expect.poll(() => log).toEqual(['exit 130']);
  });

  it('ends at once on a second Ctrl-C, but not on the echo of the first', () => {
    const teardown = teardownUnderTest();
    teardown.add('wait for ever', () => new Promise(() => {}));
    target.emit('SIGINT', 'SIGINT');
    time += 20;
    target.emit('SIGINT', 'SIGINT');
    expect(log).toEqual([]);
    time += 2_000;
    target.emit('SIGINT', 'SIGINT');
    expect(log).toEqual(['exit 130']);
  });

  it.each(['uncaughtException', 'unhandledRejection'])(
    'on an %s shows the error, runs the steps, fails',
    async (event) => {
      const teardown = teardownUnderTest();
      teardown.add('stop Temporal', () => void log.push('Temporal'));
      target.emit(event, 'broken');
      await expect.poll(() => log).toEqual(['broken', 'Temporal', 'exit 1']);
    },
  );

  it('leaves the process without handlers when it is done', async () => {
    await teardownUnderTest().run();
    expect(target.eventNames()).toEqual([]);
  });
});
