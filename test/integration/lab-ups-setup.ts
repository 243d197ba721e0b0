import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNutClient, type NutClient, type NutClientOptions } from '../../clients/nut/index.ts';
import { ensureCertificates, type Certificates } from '../../lab/certificates.ts';
import { ManualClock, ScaledClock, type LabClock } from '../../lab/core/clock.ts';
import type { LabContext } from '../../lab/core/context.ts';
import { EventLog } from '../../lab/core/event-log.ts';
import { FaultBoard, type FaultPoint, type FaultVerdict } from '../../lab/core/faults.ts';
import { ensureCredentials } from '../../lab/credentials.ts';
import { NUT_USERS, startUps, type LabUps } from '../../lab/ups/index.ts';
import { upsSpec } from '../../lab/ups/spec.ts';

export interface UpsWorld {
  readonly context: LabContext;
  readonly ups: LabUps;
  readonly certificates: Certificates;
  readonly ca: string;
  readonly password: string;
  /** A client with the operator's password, closed with the world. */
  client(options?: Partial<NutClientOptions>): NutClient;
  /** Does `verdict` at each `step` and command, until the result is called. */
  strike(step: (FaultPoint & { at: 'ups' })['step'], verdict: FaultVerdict, command?: string): () => void;
  close(): Promise<void>;
}

/** The lab's UPS and its server alone, with a clock that moves by hand or runs 20 times as fast. */
export async function upsWorld(clock: LabClock = new ScaledClock(20)): Promise<UpsWorld> {
  const log = new EventLog(clock);
  const directory = await mkdtemp(join(tmpdir(), 'lab-ups-'));
  const context: LabContext = { clock, log, faults: new FaultBoard(log), directory };
  const certificates = await ensureCertificates(directory, ['ups', 'stranger']);
  const credentials = ensureCredentials(directory);
  const certificate = certificates.nodes.get('ups');
  if (certificate === undefined) throw new Error('no certificate for the UPS');
  const ups = await startUps(context, upsSpec(), credentials, certificate);
  const clients: NutClient[] = [];
  return {
    context,
    ups,
    certificates,
    ca: await readFile(certificates.caFile, 'utf8'),
    password: credentials.upsPassword,
    client(options = {}) {
      const client = createNutClient({
        host: '127.0.0.1',
        port: ups.server.port,
        tls: 'off',
        username: NUT_USERS.operator,
        password: () => Promise.resolve(credentials.upsPassword),
        ...options,
      });
      clients.push(client);
      return client;
    },
    strike: (step, verdict, command) =>
      context.faults.add((point) =>
        point.at === 'ups' && point.step === step && (command === undefined || point.command === command)
          ? verdict
          : undefined,
      ),
    async close() {
      for (const client of clients) client.close();
      await ups.server.stop();
      clock.stop();
      await rm(directory, { recursive: true });
    },
  };
}

/** A world whose time stands still until it is moved. */
export async function manualUpsWorld(): Promise<UpsWorld & { readonly clock: ManualClock }> {
  const clock = new ManualClock();
  return { ...(await upsWorld(clock)), clock };
}
