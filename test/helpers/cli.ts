import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../scripts/cli/program.ts';

export interface CliAnswer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliSetting {
  readonly cluster: string;
  readonly temporalAddress: string;
  readonly namespace: string;
  /** More of `caretaker.yaml`, in YAML. */
  readonly sections: string;
}

/** Runs the CLI against a Temporal, with a configuration whose cluster nobody asks for anything. */
export async function caretaker(setting: CliSetting, ...args: string[]): Promise<CliAnswer> {
  const { cluster, temporalAddress, namespace, sections } = setting;
  const folder = await mkdtemp(join(tmpdir(), 'caretaker-cli-'));
  const config = join(folder, 'caretaker.yaml');
  const access = '  api: { token: { env: T }, caFile: ca }\n  ssh: { privateKey: { env: K }, knownHosts: k }';
  const nodes = '    - { name: goes, address: 127.0.0.1 }';
  let out = '';
  let err = '';
  try {
    await writeFile(config, `cluster:\n  name: ${cluster}\n${access}\n  nodes:\n${nodes}\n${sections}\n`);
    const code = await runCli(args, {
      env: { CARETAKER_CONFIG: config, TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: namespace },
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  } finally {
    await rm(folder, { recursive: true });
  }
}
