/**
 * Groups in the order in which Proxmox starts guests (`startup: order=…`, qm.conf): those of one order together, those
 * without an order last. They are shut down the other way round.
 */
export function inStartupOrder<T extends { readonly startupOrder: number | null }>(guests: readonly T[]): T[][] {
  const rank = ({ startupOrder }: T): number => startupOrder ?? Number.POSITIVE_INFINITY;
  const ranks = [...new Set(guests.map(rank))].sort((a, b) => (a < b ? -1 : 1));
  return ranks.map((each) => guests.filter((guest) => rank(guest) === each));
}
