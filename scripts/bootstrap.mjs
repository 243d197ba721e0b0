// Usage: node scripts/bootstrap.mjs <entry.ts> [arguments ...]
//
// Runs a TypeScript program of this project on a machine where nothing is installed: installs the packages of
// package-lock.json when they are missing or outdated, then runs the program in this same process. Plain JavaScript
// without dependencies, because it runs before there are any.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];
/** An install that holds the lock for longer was killed; `npm ci` takes seconds to a few minutes. */
const STALE_LOCK_MS = 10 * 60_000;

/** Something a person has to change. Shown as a sentence, without a stack trace. */
class BootstrapError extends Error {}

/**
 * Makes sure of Node and of the packages.
 *
 * @param {string} [root] the project's folder
 */
export async function bootstrap(root = ROOT) {
  requireNode(process.versions.node);
  if (isInstalled(root)) return;
  const release = await lock(join(root, '.caretaker', 'install.lock'));
  try {
    // Another process may have installed everything while this one waited for the lock.
    if (!isInstalled(root)) install(root);
  } finally {
    release();
  }
}

/**
 * Runs a TypeScript entry in this process, as if it had been given to `node` itself: one process to signal and to wait
 * for.
 *
 * @param {string} entry relative to the project's folder
 * @param {string[]} args
 */
export async function runTypeScript(entry, args) {
  const file = resolve(ROOT, entry);
  const { register } = await import('tsx/esm/api');
  process.setSourceMapsEnabled(true);
  register();
  process.argv = [process.argv[0] ?? 'node', file, ...args];
  await import(pathToFileURL(file).href);
}

/**
 * Bootstraps and runs; failures of the bootstrap end the process with a sentence.
 *
 * @param {string} entry
 * @param {string[]} args
 */
export async function main(entry, args) {
  try {
    await bootstrap();
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
  await runTypeScript(entry, args);
}

function requireNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new BootstrapError(
    `Caretaker needs Node.js ${OLDEST_NODE.join('.')} or newer, and this is ${version}. Install a current one from https://nodejs.org.`,
  );
}

/** Whether node_modules is what package-lock.json asks for, by npm's own record of what it installed last. */
function isInstalled(root) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const present = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    // The root itself is not in the record, nor are optional packages of other platforms.
    if (path === '' || (optional && present[path] === undefined)) return true;
    return present[path]?.version === version;
  });
}

function readPackages(lockfile) {
  try {
    return JSON.parse(readFileSync(lockfile, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install(root) {
  console.error('Installing packages (npm ci) ...');
  const result = spawnSync(
    'npm',
    ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retry-mintimeout=2000'],
    {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      // Without this, `npm ci` under NODE_ENV=production leaves out what tests and the lab need.
      env: { ...process.env, NODE_ENV: 'development' },
      shell: process.platform === 'win32',
    },
  );
  if (result.status !== 0) throw new BootstrapError(installFailure(result));
}

function installFailure({ error, stdout, stderr }) {
  if (error?.code === 'ENOENT') return 'npm was not found. It comes with Node.js; put it on PATH and try again.';
  const output = `${stdout ?? ''}${stderr ?? ''}`.trim();
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i.test(output)) {
    return "The packages could not be downloaded: the npm registry cannot be reached. Check the network (or npm's proxy and registry settings) and try again.";
  }
  return `Installing the packages failed. npm said:\n${output || error?.message || 'nothing'}`;
}

/** A directory is the lock: creating one is atomic on every file system. */
async function lock(directory) {
  try {
    mkdirSync(dirname(directory), { recursive: true });
  } catch (error) {
    throw new BootstrapError(
      `The packages are not installed, and ${dirname(directory)} cannot be written (${error.code}). Make this folder writable and try again.`,
    );
  }
  let told = false;
  while (!tryLock(directory)) {
    if (!told) console.error('Waiting for another process that is installing packages ...');
    told = true;
    await new Promise((wake) => setTimeout(wake, 200));
  }
  return () => rmSync(directory, { recursive: true, force: true });
}

function tryLock(directory) {
  try {
    mkdirSync(directory);
    writeFileSync(join(directory, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (isAbandoned(directory)) rmSync(directory, { recursive: true, force: true });
    return false;
  }
}

function isAbandoned(directory) {
  try {
    process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 0);
  } catch (error) {
    if (error.code === 'ESRCH') return true;
  }
  try {
    return Date.now() - statSync(directory).mtimeMs > STALE_LOCK_MS;
  } catch {
    return false;
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [entry, ...args] = process.argv.slice(2);
  if (entry === undefined) {
    console.error('Usage: node scripts/bootstrap.mjs <entry.ts> [arguments ...]');
    process.exit(2);
  }
  await main(entry, args);
}
