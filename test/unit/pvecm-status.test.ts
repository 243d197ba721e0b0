import { describe, expect, it } from 'vitest';
import { parsePvecmStatus } from '../../clients/pvecm/status.ts';

const HEADER = `Cluster information
-------------------
Name:             homelab
Config Version:   4
Transport:        knet
Secure auth:      on

Quorum information
------------------
Date:             Sun Nov 22 03:00:11 2026
Quorum provider:  corosync_votequorum
`;

const PAIR = `${HEADER}Nodes:            2
Node ID:          0x00000001
Ring ID:          1.1a8
Quorate:          Yes

Votequorum information
----------------------
Expected votes:   2
Highest expected: 2
Total votes:      2
Quorum:           2
Flags:            Quorate

Membership information
----------------------
    Nodeid      Votes Name
0x00000001          1 192.0.2.11 (local)
0x00000002          1 192.0.2.12
`;

const LONELY = `${HEADER}Nodes:            1
Node ID:          0x00000001
Ring ID:          1.1b0
Quorate:          No

Votequorum information
----------------------
Expected votes:   2
Highest expected: 2
Total votes:      1
Quorum:           2 Activity blocked
Flags:

Membership information
----------------------
    Nodeid      Votes Name
0x00000001          1 192.0.2.11 (local)
`;

const WITH_QDEVICE = `${HEADER}Nodes:            2
Node ID:          0x00000001
Ring ID:          1.1a8
Quorate:          Yes

Votequorum information
----------------------
Expected votes:   3
Highest expected: 3
Total votes:      3
Quorum:           2
Flags:            Quorate Qdevice

Membership information
----------------------
    Nodeid      Votes    Qdevice Name
0x00000001          1    A,V,NMW 192.0.2.11 (local)
0x0000000a          1    A,V,NMW 192.0.2.12
0x00000000          1            Qdevice
`;

const QDEVICE_GONE = WITH_QDEVICE.replaceAll('A,V,NMW', 'NA,NV,NMW')
  .replace('0x00000000          1            Qdevice', '0x00000000          0            Qdevice (votes 1)')
  .replace('Total votes:      3', 'Total votes:      2');

describe('pvecm status', () => {
  it('gives votes and members of a quorate pair', () => {
    expect(parsePvecmStatus(PAIR)).toEqual({
      quorate: true,
      expectedVotes: 2,
      totalVotes: 2,
      quorum: 2,
      members: new Map([
        [1, 1],
        [2, 1],
      ]),
      qdevice: null,
    });
  });

  it('gives the quorum also when "Activity blocked" stands behind it', () => {
    expect(parsePvecmStatus(LONELY)).toMatchObject({
      quorate: false,
      totalVotes: 1,
      quorum: 2,
      members: new Map([[1, 1]]),
    });
  });

  it('tells the QDevice from the nodes, whose ids are hexadecimal', () => {
    const status = parsePvecmStatus(WITH_QDEVICE);
    expect(status.qdevice).toMatchObject({ votes: 1, connected: true });
    expect([...status.members]).toEqual([
      [1, 1],
      [10, 1],
    ]);
  });

  it('counts a QDevice that is configured but not alive as not connected', () => {
    expect(parsePvecmStatus(QDEVICE_GONE).qdevice).toMatchObject({ connected: false });
  });

  it('counts a QDevice as connected only when it votes for every node', () => {
    const forOneOnly = WITH_QDEVICE.replace('1    A,V,NMW 192.0.2.12', '1  NA,NV,NMW 192.0.2.12');
    expect(parsePvecmStatus(forOneOnly).qdevice).toEqual({
      votes: 1,
      connected: false,
      flags: new Map([
        [1, 'A,V,NMW'],
        [10, 'NA,NV,NMW'],
      ]),
    });
    const notVoting = WITH_QDEVICE.replace('1    A,V,NMW 192.0.2.12', '1   A,NV,NMW 192.0.2.12');
    expect(parsePvecmStatus(notVoting).qdevice).toMatchObject({ connected: false });
    const notRegistered = WITH_QDEVICE.replace('1    A,V,NMW 192.0.2.12', '1         NR 192.0.2.12');
    expect(parsePvecmStatus(notRegistered).qdevice).toMatchObject({ connected: false });
  });

  it('says what is missing when a node is in no cluster', () => {
    expect(() => parsePvecmStatus('Error: Corosync config does not exist - is this node part of a cluster?')).toThrow(
      /pvecm status shows no "Expected votes".*part of a cluster/,
    );
  });
});
