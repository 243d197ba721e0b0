import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { run } from './run.ts';

export interface PackageSpec {
  readonly name: string;
  readonly version: string;
  readonly depends?: string;
  /** Files below /etc that dpkg keeps if the administrator has changed them, by absolute path. */
  readonly conffiles?: Readonly<Record<string, string>>;
  /** Other files, by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Lines of sh, run when the package is configured. */
  readonly postinst?: string;
  /** Lines of sh, run before it is unpacked. */
  readonly preinst?: string;
}

export interface BuiltPackage {
  readonly file: string;
  readonly content: Buffer;
  /** Its paragraph of a Packages file. */
  readonly paragraph: string;
}

/** A Debian package, made by dpkg-deb. */
export async function buildPackage(spec: PackageSpec): Promise<BuiltPackage> {
  const folder = await mkdtemp(join(tmpdir(), 'caretaker-package-'));
  try {
    const control = controlOf(spec);
    const conffiles = Object.entries(spec.conffiles ?? {});
    const files: [string, string][] = [...conffiles, ...Object.entries(spec.files ?? {}), ['/DEBIAN/control', control]];
    if (conffiles.length > 0) files.push(['/DEBIAN/conffiles', conffiles.map(([path]) => `${path}\n`).join('')]);
    for (const script of ['preinst', 'postinst'] as const) {
      if (spec[script] !== undefined) files.push([`/DEBIAN/${script}`, `#!/bin/sh\nset -e\n${spec[script]}\n`]);
    }
    for (const [path, text] of files) {
      await mkdir(dirname(join(folder, 'root', path)), { recursive: true });
      await writeFile(join(folder, 'root', path), text);
      await chmod(join(folder, 'root', path), /(pre|post)inst$/.test(path) ? 0o755 : 0o644);
    }
    await chmod(join(folder, 'root'), 0o755);
    const file = `${spec.name}_${spec.version}_all.deb`;
    const built = join(folder, file);
    await run(['dpkg-deb', '--root-owner-group', '-Znone', '--build', join(folder, 'root'), built]);
    return await readPackage(built);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A Debian package that is there as a file. */
export async function readPackage(path: string): Promise<BuiltPackage> {
  const content = await readFile(path);
  const control = (await run(['dpkg-deb', '--field', path])).trimEnd();
  const file = basename(path);
  const paragraph = `${control}\nFilename: ./${file}\nSize: ${content.length}\nSHA256: ${sha256(content)}\n`;
  return { file, content, paragraph };
}

function controlOf({ name, version, depends }: PackageSpec): string {
  const needs = depends === undefined ? '' : `Depends: ${depends}\n`;
  const owner = 'Maintainer: Nobody <nobody@example.org>';
  return `Package: ${name}\nVersion: ${version}\nArchitecture: all\n${owner}\n${needs}Description: made for a test\n`;
}

export function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
