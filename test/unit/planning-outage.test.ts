import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeShutdown, PowerSettings, SiteBefore } from '../../domain/outage.ts';
import { planOutage, rulesFor } from '../../planning/outage-plan.ts';
import { GIB } from '../helpers/builders.ts';
import { aGuestBefore, aNodeBefore, aSiteBefore, somePowerSettings } from '../helpers/power-builders.ts';

const RUNS = { numRuns: 1_000 };
const TAGS = ['dns', 'moves', 'web'] as const;

interface Case {
  readonly site: SiteBefore;
  readonly settings: PowerSettings;
}

/** Up to five nodes, some off; guests of all kinds on them; every state of HA and of a QDevice. */
const anyCase: fc.Arbitrary<Case> = fc
  .array(
    fc.record({
      votes: fc.integer({ min: 1, max: 3 }),
      online: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      memory: fc.integer({ min: 4, max: 64 }).map((gibibytes) => gibibytes * GIB),
      shed: fc.boolean(),
      configured: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .chain((states) => {
    const names = states.map((_, index) => `pve${index + 1}`);
    const configured = names.filter((_, index) => states[index]?.configured);
    const shedNodes = configured.filter((name) => states[names.indexOf(name)]?.shed);
    return fc
      .record({
        guests: fc.array(
          fc.record({
            node: fc.constantFrom(...names),
            kind: fc.constantFrom('qemu' as const, 'lxc' as const),
            running: fc.boolean(),
            tags: fc.subarray([...TAGS]),
            maxMemory: fc.integer({ min: 1, max: 16 }).map((gibibytes) => gibibytes * GIB),
            startupOrder: fc.option(fc.integer({ min: 1, max: 4 })),
            lock: fc.constantFrom(null, null, null, 'backup'),
            ha: fc.boolean(),
          }),
          { maxLength: 12 },
        ),
        qdevice: fc.option(fc.record({ votes: fc.integer({ min: 1, max: 3 }), connected: fc.boolean() })),
        ha: fc.record({
          armed: fc.constantFrom(null, 'armed' as const, 'disarmed' as const),
          active: fc.boolean(),
          requested: fc.constant({}),
        }),
        ownGuest: fc.option(fc.integer({ min: 100, max: 113 })),
        last: fc.subarray(['dns', 'vm-103', '104']),
        migrateTags: fc.subarray(['moves']),
        timeouts: fc.dictionary(
          fc.constantFrom('100', '101'),
          fc.constantFrom('10 seconds' as const, '9 minutes' as const),
        ),
        allowQuorumLoss: fc.boolean(),
        lowerExpectedVotes: fc.boolean(),
      })
      .map(({ guests, qdevice, ha, last, migrateTags, timeouts, ...rest }): Case => ({
        site: aSiteBefore({
          nodes: states.map(({ votes, online, memory }, index) =>
            aNodeBefore(`pve${index + 1}`, { votes, online, memory }),
          ),
          guests: guests.map(({ ha: managed, ...guest }, index) =>
            aGuestBefore(100 + index, { ...guest, sid: managed ? `vm:${100 + index}` : null }),
          ),
          qdevice,
          ha,
        }),
        settings: somePowerSettings({
          ...rest,
          nodes: configured,
          shedNodes,
          guests: { ...somePowerSettings().guests, last, migrateTags, timeouts },
        }),
      }));
  });

function online({ nodes }: SiteBefore): string[] {
  return nodes.filter((node) => node.online).map(({ name }) => name);
}

function vmids({ tiers }: NodeShutdown): number[] {
  return tiers.flat().map(({ vmid }) => vmid);
}

describe('the plan of an outage, for any site', () => {
  it('has every configured node that is on in exactly one phase, and no node that was off', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const { shed, final } = planOutage(site, settings);
        const planned = [...shed.nodes, ...final.nodes].map(({ node }) => node);
        expect(planned.toSorted()).toEqual(online(site).filter((name) => settings.nodes.includes(name)));
      }),
      RUNS,
    );
  });

  it('never sheds the last node that is up, nor the one on which Caretaker runs, nor one that is not named for it', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const shed = planOutage(site, settings).shed.nodes.map(({ node }) => node);
        const own = site.guests.find(({ vmid }) => vmid === settings.ownGuest)?.node;
        if (shed.length > 0) expect(online(site).length).toBeGreaterThan(shed.length);
        expect(shed).not.toContain(own);
        expect(shed.filter((name) => !settings.shedNodes.includes(name))).toEqual([]);
      }),
      RUNS,
    );
  });

  it('shuts down every running guest of its nodes once, but never the one in which Caretaker runs', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const { shed, final } = planOutage(site, settings);
        for (const shutdown of [...shed.nodes, ...final.nodes]) {
          const running = site.guests.filter((guest) => guest.node === shutdown.node && guest.running);
          const expected = running.map(({ vmid }) => vmid).filter((vmid) => vmid !== settings.ownGuest);
          expect(vmids(shutdown).toSorted()).toEqual(expected);
        }
      }),
      RUNS,
    );
  });

  it('stops guests that others need after all others, and the others against the order in which they start', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const { shed, final } = planOutage(site, settings);
        const rankOf = (vmid: number): number => {
          const guest = site.guests.find((each) => each.vmid === vmid);
          const words = [String(vmid), guest?.name ?? '', ...(guest?.tags ?? [])];
          const needed = words.some((word) => settings.guests.last.includes(word));
          return (needed ? 1_000 : 0) - (guest?.startupOrder ?? 500);
        };
        for (const { tiers } of [...shed.nodes, ...final.nodes]) {
          const ranks = tiers.map((tier) => [...new Set(tier.map(({ vmid }) => rankOf(vmid)))]);
          expect(ranks.every((each) => each.length === 1)).toBe(true);
          expect(ranks.flat()).toEqual([...new Set(ranks.flat())].toSorted((a, b) => a - b));
        }
      }),
      RUNS,
    );
  });

  it('moves only running VMs that nothing holds, to nodes that stay, and never more than their memory takes', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const { shed, final } = planOutage(site, settings);
        const staying = final.nodes.map(({ node }) => node);
        for (const { guest, to } of shed.nodes.flatMap(({ moves }) => moves)) {
          expect(staying).toContain(to);
          expect(guest).toMatchObject({ kind: 'qemu' });
          expect(site.guests.find(({ vmid }) => vmid === guest.vmid)).toMatchObject({ lock: null, running: true });
        }
        for (const node of staying) {
          const moved = shed.nodes.flatMap(({ moves }) => moves).filter(({ to }) => to === node);
          const there = site.guests.filter(
            (guest) => (guest.node === node && guest.running) || moved.some((move) => move.guest.vmid === guest.vmid),
          );
          const taken = there.reduce((total, { maxMemory }) => total + maxMemory, 0);
          const memory = site.nodes.find(({ name }) => name === node)?.memory ?? 0;
          if (moved.length > 0) expect(taken).toBeLessThanOrEqual(memory * 0.9);
        }
      }),
      RUNS,
    );
  });

  it('lets no watchdog reset a node that stays, unless its people took that risk', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const { shed } = planOutage(site, settings);
        if (shed.nodes.length === 0 || shed.refused !== null || settings.allowQuorumLoss) return;
        const names = shed.nodes.map(({ node }) => node);
        const left = site.nodes.filter((node) => node.online && !names.includes(node.name));
        const votes = left.reduce((total, node) => total + node.votes, 0);
        const { qdevice, expectedVotes } = site.quorum;
        const quorate = 2 * (votes + (qdevice?.connected ? qdevice.votes : 0)) > expectedVotes;
        const fences = site.ha.active && site.ha.armed !== 'disarmed';
        expect(quorate || !fences || shed.disarmHa).toBe(true);
      }),
      RUNS,
    );
  });

  it('lowers the expected votes to what exactly the nodes that stay have, and only where quorum would be lost', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const { shed } = planOutage(site, settings);
        if (shed.expectedVotes === null) return;
        const names = shed.nodes.map(({ node }) => node);
        const left = site.nodes.filter((node) => node.online && !names.includes(node.name));
        expect(shed.refused).toBeNull();
        expect(settings.lowerExpectedVotes).toBe(true);
        expect(shed.quorum?.verdict).not.toBe('keeps-quorum');
        expect(left.map(({ name }) => name)).toContain(shed.expectedVotes.node);
        expect(shed.expectedVotes.votes).toBe(left.reduce((total, node) => total + node.votes, 0));
      }),
      RUNS,
    );
  });

  it('lets phase 2 begin with so much runtime that both phases can come to their end', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const plan = planOutage(site, settings);
        const rules = rulesFor(settings, plan);
        expect(rules.shed.runtime).toBeGreaterThanOrEqual(plan.budgets.shed + rules.final.runtime);
        expect(rules.shed.runtime).toBeGreaterThanOrEqual(plan.budgets.shed + plan.budgets.final + 300);
        expect(rules.final.runtime).toBeGreaterThanOrEqual(300);
        expect(rules.final.runtime).toBeGreaterThanOrEqual(rules.final.budget);
      }),
      RUNS,
    );
  });

  it('does not depend on the order in which nodes and guests were read', () => {
    fc.assert(
      fc.property(anyCase, ({ site, settings }) => {
        const turned = { ...site, nodes: site.nodes.toReversed(), guests: site.guests.toReversed() };
        const [one, other] = [planOutage(site, settings), planOutage(turned, settings)];
        expect({ ...other, warnings: other.warnings.toSorted() }).toEqual({
          ...one,
          warnings: one.warnings.toSorted(),
        });
      }),
      RUNS,
    );
  });
});

describe('the plan of an outage', () => {
  const armed = { armed: 'armed' as const, active: true, requested: {} };
  const old = { armed: null, active: true, requested: {} };

  it('counts the time of a node: its tiers one after the other, the halt and a margin', () => {
    const guests = [
      aGuestBefore(210, { startupOrder: 1 }),
      aGuestBefore(211, { startupOrder: 2 }),
      aGuestBefore(212, { startupOrder: 2 }),
    ];
    const settings = somePowerSettings();
    const timeouts = { 211: '30 seconds', 212: '90 seconds' } as const;
    const plan = planOutage(aSiteBefore({ guests }), { ...settings, guests: { ...settings.guests, timeouts } });
    expect(plan.shed.nodes[0]?.tiers.map((tier) => tier.map(({ vmid }) => vmid))).toEqual([[211, 212], [210]]);
    expect(plan.budgets).toEqual({ shed: 90 + 180 + 120 + 60, final: 180 });
  });

  it('takes the runtimes of the configuration where it has them', () => {
    const settings = somePowerSettings({ runtimes: { shed: 1_234, final: 432 } });
    const rules = rulesFor(settings, planOutage(aSiteBefore(), settings));
    expect(rules).toMatchObject({ shed: { runtime: 1_234 }, final: { runtime: 432, budget: 180 } });
  });

  it('lets the nodes of phase 3 go against the configuration, and the one on which Caretaker runs last', () => {
    const names = ['pve1', 'pve2', 'pve3', 'pve4'];
    const site = aSiteBefore({
      nodes: names.map((name) => aNodeBefore(name)),
      guests: [aGuestBefore(150, { node: 'pve3' })],
    });
    const settings = somePowerSettings({ nodes: names, shedNodes: ['pve2'], ownGuest: 150 });
    expect(planOutage(site, settings).final.nodes.map(({ node }) => node)).toEqual(['pve4', 'pve1', 'pve3']);
  });

  it('sheds nothing where the only node for it is the last that is up, and says why', () => {
    const site = aSiteBefore({ nodes: [aNodeBefore('pve1', { online: false }), aNodeBefore('pve2')] });
    const { shed, final } = planOutage(site, somePowerSettings());
    expect(shed).toMatchObject({ nodes: [], refused: 'pve2 stays until phase 3, for no other node is on' });
    expect(final.nodes.map(({ node }) => node)).toEqual(['pve2']);
  });

  it('sheds nothing where Caretaker runs on the only node for it', () => {
    const site = aSiteBefore({ guests: [aGuestBefore(150)] });
    const { shed } = planOutage(site, somePowerSettings({ ownGuest: 150 }));
    expect(shed.refused).toContain('Caretaker itself runs there');
  });

  it('says that a node that is off already is left alone, and neither sheds nor wakes it', () => {
    const site = aSiteBefore({ nodes: [aNodeBefore('pve1'), aNodeBefore('pve2', { online: false })] });
    const { shed, warnings } = planOutage(site, somePowerSettings());
    expect(shed).toMatchObject({ nodes: [], refused: null });
    expect(warnings).toEqual(['pve2 is off already: phase 2 does nothing with it, and it is not woken afterwards']);
  });

  it('lets a plain pair lose its quorum, and lowers the votes that its survivor expects', () => {
    const { shed, final } = planOutage(aSiteBefore(), somePowerSettings());
    expect(shed).toMatchObject({
      refused: null,
      disarmHa: false,
      quorum: { verdict: 'read-only-while-away' },
      expectedVotes: { node: 'pve1', votes: 1, before: 2 },
    });
    expect(final.togetherIfArmed).toBe(false);
  });

  it('leaves the expected votes alone where a connected QDevice keeps quorum', () => {
    const site = aSiteBefore({ qdevice: { votes: 1, connected: true }, ha: old });
    const { shed, final } = planOutage(site, somePowerSettings());
    expect(shed).toMatchObject({ refused: null, expectedVotes: null, quorum: { verdict: 'keeps-quorum' } });
    expect(final.togetherIfArmed).toBe(false);
  });

  it('warns of a QDevice that is not connected, and does not count it', () => {
    const { shed, warnings } = planOutage(
      aSiteBefore({ qdevice: { votes: 1, connected: false } }),
      somePowerSettings(),
    );
    expect(shed.quorum?.verdict).toBe('loses-quorum');
    expect(warnings).toEqual(['the QDevice is not connected, so its vote does not count']);
  });

  it('disarms HA where the release can, for otherwise the watchdog would reset the node that stays', () => {
    const { shed, final } = planOutage(aSiteBefore({ ha: armed }), somePowerSettings());
    expect(shed).toMatchObject({ refused: null, disarmHa: true, expectedVotes: { votes: 1 } });
    expect(shed.quorum?.explanation).toContain('HA is disarmed for the outage');
    // It may not obey.
    expect(final.togetherIfArmed).toBe(true);
  });

  it('sheds nothing where HA cannot be disarmed: in phase 3 both nodes go at once', () => {
    const guests = [aGuestBefore(210), aGuestBefore(101, { node: 'pve1' })];
    const { shed, final, budgets } = planOutage(aSiteBefore({ guests, ha: old }), somePowerSettings());
    expect(shed.refused).toContain('the watchdog would reset the remaining nodes');
    expect(shed).toMatchObject({ disarmHa: false, expectedVotes: null });
    expect(final.togetherIfArmed).toBe(true);
    expect(budgets).toEqual({ shed: 0, final: 180 + 180 });
  });

  it('takes the risk where its people do, and lets nodes go at once in phase 3 all the same', () => {
    const { shed, final } = planOutage(aSiteBefore({ ha: old }), somePowerSettings({ allowQuorumLoss: true }));
    expect(shed).toMatchObject({ refused: null, quorum: { verdict: 'would-fence' } });
    expect(final.togetherIfArmed).toBe(true);
  });

  it('lets the nodes of phase 3 go at once where the first would take quorum from the others under HA', () => {
    const names = ['pve1', 'pve2', 'pve3'];
    const nodes = names.map((name) => aNodeBefore(name));
    const settings = somePowerSettings({ nodes: names, shedNodes: ['pve3'] });
    expect(planOutage(aSiteBefore({ nodes, ha: old }), settings)).toMatchObject({
      shed: { refused: null, quorum: { verdict: 'keeps-quorum' } },
      final: { togetherIfArmed: true },
    });
    expect(planOutage(aSiteBefore({ nodes, ha: armed }), settings).final.togetherIfArmed).toBe(true);
    expect(planOutage(aSiteBefore({ nodes }), settings).final.togetherIfArmed).toBe(false);
  });

  describe('with guests that may move', () => {
    const settings = somePowerSettings();
    const moving = { ...settings, guests: { ...settings.guests, migrateTags: ['keep'] } };
    const keep = { tags: ['keep'] };

    it('moves them while the memory of the node that stays allows, and shuts the rest down', () => {
      const nodes = [aNodeBefore('pve1', { memory: 16 * GIB }), aNodeBefore('pve2')];
      const guests = [
        aGuestBefore(101, { node: 'pve1', maxMemory: 8 * GIB }),
        aGuestBefore(210, { ...keep, maxMemory: 4 * GIB }),
        aGuestBefore(211, { ...keep, maxMemory: 6 * GIB }),
        aGuestBefore(212),
      ];
      const { shed, warnings } = planOutage(aSiteBefore({ nodes, guests }), moving);
      expect(shed.nodes[0]?.moves.map(({ guest, to }) => [guest.vmid, to])).toEqual([[211, 'pve1']]);
      expect(warnings).toEqual(['vm-210 (210) does not move, it is shut down: no node that stays has memory for it']);
    });

    it.each([
      { guest: aGuestBefore(210, { ...keep, kind: 'lxc' }), why: 'a container can move only by a restart', ha: old },
      { guest: aGuestBefore(210, { ...keep, lock: 'backup' }), why: 'it is locked (backup)', ha: old },
      { guest: aGuestBefore(210, { ...keep, sid: 'vm:210' }), why: 'HA is disarmed in phase 2', ha: armed },
    ])('says why one does not move: $why', ({ guest, why, ha }) => {
      const active = ha.armed !== null;
      const { shed, warnings } = planOutage(aSiteBefore({ guests: [guest], ha: { ...ha, active } }), moving);
      expect(shed.nodes[0]?.moves).toEqual([]);
      expect(warnings).toContain(`vm-210 (210) does not move, it is shut down: ${why}`);
    });
  });

  it('warns of what may go wrong: a lock, an unknown guest of its own, names of nobody, too little time', () => {
    const settings = somePowerSettings({ ownGuest: 999 });
    const { warnings } = planOutage(aSiteBefore({ guests: [aGuestBefore(210, { lock: 'backup' })] }), {
      ...settings,
      guests: { ...settings.guests, last: ['pihole'], timeout: '20 minutes' },
    });
    expect(warnings).toEqual([
      'no guest has the vmid 999 of orchestrator.guest: the node on which Caretaker runs is not known',
      'power.guests.last names pihole, which is no guest and no tag of one',
      'vm-210 (210) is locked (backup): it may refuse to shut down',
      'phase 2 may take 23 min, and phase 3 begins 10 min after it: shorten power.guests.timeout, or let power.final.after be later',
    ]);
  });

  it('warns of a runtime that is configured and too short for what the site needs', () => {
    const warningsWith = (shed: number | null, final: number | null): readonly string[] =>
      planOutage(
        aSiteBefore({ guests: [aGuestBefore(110, { node: 'pve1' })] }),
        somePowerSettings({ runtimes: { shed, final } }),
      ).warnings;
    // A guest has 3 minutes, its node 2, and there is 1 to spare.
    expect(warningsWith(null, 359)).toEqual([
      'phase 3 begins with 5 min 59 s of runtime left and may take 6 min: let power.final.runtime be longer',
    ]);
    expect(warningsWith(540, null)).toEqual([
      'phase 2 begins with 9 min of runtime left, and phase 3 with 9 min already: let power.shed.runtime be longer',
    ]);
    expect(warningsWith(541, null)).toEqual([]);
    expect(warningsWith(540, 360)).toEqual([]);
    const nothingToShed = somePowerSettings({ runtimes: { shed: 540, final: null }, shedNodes: [] });
    const site = aSiteBefore({ guests: [aGuestBefore(110, { node: 'pve1' })] });
    expect(planOutage(site, nothingToShed).warnings).toEqual([]);
  });

  it('says that a node of the cluster that is not configured is left on', () => {
    const nodes = ['pve1', 'pve2', 'pve3'].map((name) => aNodeBefore(name));
    const { final, warnings } = planOutage(aSiteBefore({ nodes }), somePowerSettings());
    expect(final.nodes.map(({ node }) => node)).toEqual(['pve1']);
    expect(warnings).toEqual(['pve3 is not in the configuration: it is left on until the battery is empty']);
  });
});
