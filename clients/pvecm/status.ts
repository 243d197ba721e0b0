/** `pvecm status`, as far as votes are concerned. */
export interface PvecmStatus {
  readonly quorate: boolean;
  readonly expectedVotes: number;
  readonly totalVotes: number;
  readonly quorum: number;
  /** Votes by corosync node id; the QDevice is not among them. */
  readonly members: ReadonlyMap<number, number>;
  /** Null without a QDevice. */
  readonly qdevice: PvecmQDevice | null;
}

export interface PvecmQDevice {
  readonly votes: number;
  /** Every member has it alive and voting: only then its votes count for whichever nodes remain. */
  readonly connected: boolean;
  /** Flags by corosync node id: `A,V,NMW` alive and voting, `NA,NV,NMW` not, `NR` not registered. */
  readonly flags: ReadonlyMap<number, string>;
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
  const rows = readRows(text);
  return {
    quorate: /^Quorate:\s+Yes/m.test(text),
    expectedVotes: number('Expected votes'),
    totalVotes: number('Total votes'),
    quorum: number('Quorum'),
    members: new Map(rows.filter((row) => row.id !== 0).map((row) => [row.id, row.votes])),
    qdevice: readQDevice(text, rows),
  };
}

// With a QDevice each line has a column of flags after the votes: `0x00000001          1    A,V,NMW 10.0.0.1 (local)`.
const MEMBER = /^0x([0-9a-f]{8})\s+(\d+)\s+(.*)$/gm;

interface Row {
  /** Corosync node id; 0 is the QDevice. */
  readonly id: number;
  readonly votes: number;
  /** First word after the votes: the flags, if there is a QDevice. */
  readonly next: string;
}

function readRows(text: string): Row[] {
  return [...text.matchAll(MEMBER)].map(([, id = '', votes = '', rest = '']) => ({
    id: Number.parseInt(id, 16),
    votes: Number(votes),
    next: rest.split(/\s/)[0] ?? '',
  }));
}

function readQDevice(text: string, rows: readonly Row[]): PvecmQDevice | null {
  const device = rows.find((row) => row.id === 0);
  if (!device && !/^Flags:.*\bQdevice\b/m.test(text)) return null;
  const members = rows.filter((row) => row.id !== 0);
  return {
    votes: device?.votes ?? 0,
    connected: members.length > 0 && members.every((row) => /^A,V(,|$)/.test(row.next)),
    flags: new Map(members.map((row) => [row.id, row.next])),
  };
}
