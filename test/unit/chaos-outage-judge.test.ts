import { beforeEach, describe, expect, it } from 'vitest';
import type { OutageReport } from '../../domain/outage.ts';
import type { Lab } from '../../lab/index.ts';
import { smallSite } from '../../lab/site.ts';
import { sceneOf, type Scene } from '../helpers/chaos/judge.ts';
import { outageBreachesOf } from '../helpers/chaos/outage-judge.ts';
import { stillCluster, type StillCluster } from './lab-support.ts';

const OPERATOR = 'api:caretaker@pve!operator';
const SUBJECTS = [
  'POWER OUT: small is on battery',
  'POWER OUT: small: phase 2, some nodes are shut down',
  'POWER OUT: small: phase 3, everything is shut down',
  'Power is back: small, after 40 s on battery',
  'Power cut of small is over: all as before (40 s on battery)',
];

let world: StillCluster;
let before: Scene;
let subjects: string[];
beforeEach(async () => {
  world = await stillCluster(smallSite());
  before = sceneOf(world);
  subjects = [...SUBJECTS];
});

function record(actor: string, action: string, subject: string, detail: Record<string, unknown> = {}): void {
  world.log.record(actor, action, subject, detail);
}

const endGuests = (node: string, guests: readonly string[]): void => {
  for (const guest of guests) {
    record(OPERATOR, 'task.start', `node/${node}`, { type: guest.startsWith('lxc') ? 'vzshutdown' : 'qmshutdown' });
    record('lab', 'guest.stop', guest);
  }
};

const endNode = (node: string): void => {
  record(OPERATOR, 'reboot.request', `node/${node}`);
  record(OPERATOR, 'node.shutdown', `node/${node}`);
  record('lab', 'node.off', `node/${node}`);
};

const comeBack = (): void => {
  for (const node of ['node/pve1', 'node/pve2']) {
    record('lab', 'node.boot', node);
    record('lab', 'node.up', node);
  }
  for (const guest of ['lxc/101', 'lxc/102', 'qemu/201', 'qemu/202']) record('lab', 'guest.start', guest);
};

function goThrough(): void {
  record('lab', 'mains.off', 'ups/ups');
  endGuests('pve2', ['lxc/102', 'qemu/202']);
  endNode('pve2');
  endGuests('pve1', ['lxc/101', 'qemu/201']);
  endNode('pve1');
  record('lab', 'mains.on', 'ups/ups');
  comeBack();
}

function judge(onBattery = 40): string[] {
  const messages = subjects.map((subject, index) => ({ subject, messageId: String(index) }));
  const lab = { ...world, schemaViolations: [], mail: { messages } } as unknown as Lab;
  const looks = { at: [], out: 1_000, back: 41_300 };
  return outageBreachesOf(lab, { before, report: { onBattery } as OutageReport, looks });
}

describe('the judge of a disturbed outage', () => {
  it('has nothing to say about one in which each node went down once, in order, and all is as before', () => {
    goThrough();
    expect(judge()).toEqual([]);
  });

  it('finds a node that went down twice', () => {
    goThrough();
    record('lab', 'node.off', 'node/pve1');
    expect(judge()).toEqual(['2 × node.off of node/pve1']);
  });

  it('finds whoever is told to end with the mains on, but not what a node does by itself', () => {
    goThrough();
    record(OPERATOR, 'task.start', 'node/pve1', { type: 'vzshutdown' });
    record('api:root@pam', 'task.start', 'node/pve1', { type: 'qmshutdown' });
    record('ssh:root@node/pve1', 'shutdown.request', 'node/pve1');
    expect(judge()).toEqual([
      `task.start of node/pve1 by ${OPERATOR} with the mains on`,
      'shutdown.request of node/pve1 by ssh:root@node/pve1 with the mains on',
    ]);
  });

  it('finds a node that was told before the one to shed was off', () => {
    record('lab', 'mains.off', 'ups/ups');
    endGuests('pve1', ['lxc/101', 'qemu/201', 'lxc/102', 'qemu/202']);
    endNode('pve1');
    endNode('pve2');
    record('lab', 'mains.on', 'ups/ups');
    comeBack();
    expect(judge()).toEqual(['node/pve1 was told to shut down before pve2 was off']);
  });

  it('finds a guest that is not as before', () => {
    goThrough();
    world.cluster.guests.get(101)?.machine.powerCut('test');
    expect(judge()).toContain('guest 101 was running on pve1 and is stopped on pve1');
  });

  it.each([20, 60])('finds time on battery that was lost, or made up: %i s', (onBattery) => {
    goThrough();
    expect(judge(onBattery)).toEqual([`${onBattery} s on battery by the report, 40.3 s by the UPS`]);
  });

  it('finds a mail too many, and one that is missing', () => {
    goThrough();
    subjects.push(subjects.pop() as string, SUBJECTS[0] as string);
    expect(judge()).toContain('2 mails say is on battery');
    subjects = SUBJECTS.slice(0, -1);
    expect(judge()).toContain('0 mails say is over: all as before');
  });
});
