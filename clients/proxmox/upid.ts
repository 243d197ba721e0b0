/** The parts of a task id: `UPID:node:pid:pstart:starttime:type:id:user:`, numbers in hexadecimal. */
export interface Upid {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  /** Start time of the process in clock ticks since boot. */
  readonly pstart: number;
  /** Seconds since the epoch. */
  readonly startTime: number;
  readonly type: string;
  /** The guest's vmid for guest tasks; often empty for node tasks. */
  readonly id: string;
  /** `user@realm` or `user@realm!token`. */
  readonly user: string;
}

const pattern =
  /^UPID:([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s/]+):([^:\s/]*):([^:\s/]+):$/;

/** Takes a task id apart, or returns undefined if it is none. */
export function parseUpid(text: string): Upid | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, node = '', pid = '', pstart = '', start = '', type = '', id = '', user = ''] = match;
  const hex = (digits: string): number => Number.parseInt(digits, 16);
  return { upid: text, node, pid: hex(pid), pstart: hex(pstart), startTime: hex(start), type, id, user };
}
