/** What the global set-ups of vitest.config.ts hand to the test files, read with `inject` from vitest. */
declare module 'vitest' {
  interface ProvidedContext {
    /** File of the workflow bundle, or `null` while there is no `workflows/index.ts`. */
    readonly workflowBundlePath: string | null;
    /** Files of bundled workers, by the paths of their sources. */
    readonly workerBundles: Readonly<Record<string, string>>;
    /** Executable of the time-skipping server. */
    readonly testServerPath: string;
    /** `host:port` of the dev server shared by the whole test run. */
    readonly temporalAddress: string;
    /** The Temporal CLI that started it. */
    readonly temporalCliPath: string;
    /** Folder of the Debian that real hosts are booted from, or `null` where there can be none. */
    readonly debian: string | null;
    /** Folder of the unpacked packages of NUT, or `null` where there can be none. */
    readonly nut: string | null;
    /** Archives that a host of that Debian needs to install nut-client; none where there can be none. */
    readonly nutClientArchives: readonly string[];
    /** The program ipmitool, or `null` where it cannot be had. */
    readonly ipmitool: string | null;
  }
}

export {};
