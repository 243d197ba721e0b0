import type { PowerSettings, ShedPlan, SiteBefore } from '../domain/outage.ts';
import type { QuorumForecast } from '../domain/plan.ts';
import { forecastDisarmed, forecastVotes } from './quorum-forecast.ts';

type Quorum = Pick<ShedPlan, 'refused' | 'quorum' | 'disarmHa' | 'expectedVotes'> & {
  /** In phase 3 no node may go before the others, unless HA has let go of its watchdogs. */
  readonly togetherIfArmed: boolean;
};

/**
 * What phase 2 does to quorum, and whether it may. Without quorum a node goes on with its guests, unless HA has armed its
 * watchdog: then it is reset after 60 seconds, on battery. So HA is disarmed first, which Proxmox VE can since 9.2;
 * before, the nodes stay together until phase 3 and leave it at the same moment.
 *
 * @param shed Nodes that phase 2 would take.
 * @param final Nodes of phase 3, in their order.
 */
export function guardQuorum(
  site: SiteBefore,
  { shed, final }: { readonly shed: readonly string[]; readonly final: readonly string[] },
  settings: PowerSettings,
): Quorum {
  const quorum = shed.length === 0 ? null : forecast(site, shed);
  const fences = quorum?.verdict === 'would-fence';
  const refused = fences && !settings.allowQuorumLoss ? `${quorum.explanation}. ${REMEDY}` : null;
  const expectedVotes = refused === null ? lowered(site, shed, quorum, settings) : null;
  return {
    refused,
    quorum,
    disarmHa: quorum?.disarmHa ?? false,
    expectedVotes,
    togetherIfArmed: anyWouldFence(site, [...shed, ...final]),
  };
}

const REMEDY =
  'All nodes stay until phase 3. A QDevice outside the cluster keeps quorum, Proxmox VE 9.2 or newer can disarm HA, ' +
  'and power.quorum.allowLoss takes the risk';

function forecast(site: SiteBefore, leaving: readonly string[]): QuorumForecast {
  const armed = forecastArmed(site, leaving);
  return armed.verdict === 'would-fence' && site.ha.armed !== null
    ? forecastDisarmed(site, leaving, 'the outage')
    : armed;
}

function forecastArmed(site: SiteBefore, leaving: readonly string[]): QuorumForecast {
  const { active, armed } = site.ha;
  return forecastVotes(site, leaving, active && armed !== 'disarmed' ? 'HA is at work' : null);
}

/** With their own votes as all that are expected, exactly the nodes that stay are quorate. */
function lowered(
  { nodes, quorum }: SiteBefore,
  shed: readonly string[],
  forecast: QuorumForecast | null,
  { lowerExpectedVotes, nodes: configured }: PowerSettings,
): ShedPlan['expectedVotes'] {
  if (!lowerExpectedVotes || forecast === null || forecast.verdict === 'keeps-quorum') return null;
  const staying = nodes.filter(({ name, online }) => online && !shed.includes(name));
  const node = configured.find((name) => staying.some((each) => each.name === name));
  const votes = staying.reduce((total, each) => total + each.votes, 0);
  if (node === undefined || votes === 0) return null;
  return { node, votes, before: quorum.expectedVotes };
}

/** Whether the first nodes that go, by leaving, would make the watchdogs reset those that come after them. */
function anyWouldFence(site: SiteBefore, inTurn: readonly string[]): boolean {
  return inTurn
    .slice(0, -1)
    .some((_, index) => forecastArmed(site, inTurn.slice(0, index + 1)).verdict === 'would-fence');
}
