/** `pvecm status`, as far as votes are concerned. */
export interface PvecmStatus {
  readonly quorate: boolean;
  readonly expectedVotes: number;
  readonly totalVotes: number;
  readonly quorum: number;
  /** Votes by corosync node id; the QDevice is not among them. */
  readonly members: ReadonlyMap<number, number>;
  /** Null without a QDevice; it casts its votes only while it is connected. */
  readonly qdevice: { readonly votes: number; readonly connected: boolean } | null;
}

/**
 * Reads what `pvecm status` prints (its second half is `corosync-quorumtool -siH`; corosync-quorumtool(8)). The exit
 * code says nothing: it differs with the quorum.
 *
 * @throws {Error} when the text has no quorum figures.
 */
export function parsePvecmStatus(text: string): PvecmStatus {
  const number = (label: string): number => {
    const found = new RegExp(`^${label}:\\s+(\\d+)`, 'm').exec(text)?.[1];
    if (found === undefined) {
      throw new Error(`pvecm status shows no "${label}". Is the node part of a cluster and corosync running?`);
    }
    return Number(found);
  };
  return {
    quorate: /^Quorate:\s+Yes/m.test(text),
    expectedVotes: number('Expected votes'),
    totalVotes: number('Total votes'),
    quorum: number('Quorum'),
    members: readMembers(text),
    qdevice: readQDevice(text),
  };
}

// With a QDevice each line has a column of flags after the votes: `0x00000001          1    A,V,NMW 10.0.0.1 (local)`.
const MEMBER = /^0x([0-9a-f]{8})\s+(\d+)\s+(.*)$/gm;

function readMembers(text: string): Map<number, number> {
  const members = new Map<number, number>();
  for (const [, id = '', votes = ''] of text.matchAll(MEMBER)) {
    if (Number.parseInt(id, 16) !== 0) members.set(Number.parseInt(id, 16), Number(votes));
  }
  return members;
}

/** A node's flags tell whether the device is Alive and Voting for it; `NR` means not registered. */
function readQDevice(text: string): PvecmStatus['qdevice'] {
  const row = [...text.matchAll(MEMBER)].find(([, id = '']) => Number.parseInt(id, 16) === 0);
  const configured = row !== undefined || /^Flags:.*\bQdevice\b/m.test(text);
  if (!configured) return null;
  const connected = /^0x[0-9a-f]{8}\s+\d+\s+A,V,/m.test(text);
  return { votes: Number(row?.[2] ?? 0), connected };
}
