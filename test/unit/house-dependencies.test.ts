import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

interface Lockfile {
  readonly packages: Readonly<
    Record<string, { readonly resolved?: string; readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >;
}

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = readJson('../../package.json') as Manifest;
const lockfile = readJson('../../package-lock.json') as Lockfile;
const everything = { ...manifest.dependencies, ...manifest.devDependencies };

describe('the dependencies', () => {
  it('have one protobufjs 8 for the SDK, or replay of JSON histories fails with "type must be a Type"', () => {
    const paths = ['@temporalio/common', '@temporalio/proto', '@temporalio/client', '@temporalio/worker'].map((name) =>
      requireFrom(name).resolve('protobufjs'),
    );
    expect(new Set(paths).size).toBe(1);
    const { version } = requireFrom('@temporalio/proto')('protobufjs/package.json') as Manifest;
    expect(version).toMatch(/^8\./);
  });

  it('are pinned to exact versions', () => {
    const loose = Object.entries(everything).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });

  it('have every package of the Temporal SDK at one version', () => {
    const versions = Object.entries(everything).flatMap(([name, version]) =>
      name.startsWith('@temporalio/') ? [version] : [],
    );
    expect(versions.length).toBeGreaterThan(5);
    expect(new Set(versions).size).toBe(1);
  });

  it('have every platform of an optional package in the lockfile, or npm ci refuses to start', () => {
    const missing = Object.entries(lockfile.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !Object.keys(lockfile.packages).some((known) => known.endsWith(`node_modules/${name}`)))
        .map((name) => `${path} -> ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('come from whatever registry npm is set to: the lockfile names none', () => {
    const remote = Object.values(lockfile.packages).filter(({ resolved }) => resolved !== undefined);
    expect(remote).toEqual([]);
  });
});

/** `require` as a package of node_modules has it. */
function requireFrom(name: string): NodeJS.Require {
  return createRequire(new URL(`../../node_modules/${name}/package.json`, import.meta.url));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}
