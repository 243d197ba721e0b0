import { NodeSSH } from 'node-ssh';
import type { Client, ClientChannel } from 'ssh2';
import type { ExecOptions, ExecResult, SshExec } from './client.ts';
import { SshError } from './errors.ts';
import type { HostKeyOptions } from './host-keys.ts';
import { BoundedOutput } from './output.ts';
import { loadHostKeyPolicy, type HostKeyPolicy } from './verify.ts';

export interface SshTimeouts {
  /** Milliseconds until the connection is authenticated. */
  readonly connect: number;
  /** Milliseconds between keep-alives; after three without an answer the connection counts as lost. */
  readonly keepAlive: number;
}

export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly label: string;
  readonly privateKey: () => Promise<string>;
  readonly hostKey: HostKeyOptions;
  readonly timeouts: SshTimeouts;
}

export interface Connection extends SshExec {
  close(): Promise<void>;
}

const keepAliveLimit = 3;
const defaultTimeoutMs = 60_000;
const defaultOutputBytes = 1024 * 1024;
const closeGraceMs = 1_000;

/** Connects and authenticates, in this order: the host key is checked before anything of ours is sent. */
export async function connectSsh(target: SshTarget, signal?: AbortSignal): Promise<Connection> {
  signal?.throwIfAborted();
  const policy = await loadHostKeyPolicy(target, target.hostKey);
  const privateKey = await target.privateKey();
  const ssh = new NodeSSH();
  let refusal: SshError | undefined;
  const connecting = ssh.connect({
    host: target.host,
    port: target.port,
    username: target.username,
    privateKey,
    readyTimeout: target.timeouts.connect,
    keepaliveInterval: target.timeouts.keepAlive,
    keepaliveCountMax: keepAliveLimit,
    algorithms: { serverHostKey: policy.algorithms },
    hostVerifier: (blob: Buffer) => {
      refusal = policy.check(blob);
      return refusal === undefined;
    },
  });
  const client = ssh.connection;
  // node-ssh removes its listener once connected; an error event without one would end the process.
  client?.on('error', () => undefined);
  let isClosed = false;
  client?.once('close', () => {
    isClosed = true;
  });
  const onAbort = (): void => void client?.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await connecting;
  } catch (error) {
    client?.destroy();
    signal?.throwIfAborted();
    throw refusal ?? connectError(target, policy, error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  if (client === null) throw lost(target, 'the connection closed at once');
  return {
    exec: (line, options = {}) => execute(target, client, line, options),
    close: async () => (isClosed ? undefined : await close(client)),
  };
}

function connectError(target: SshTarget, policy: HostKeyPolicy, error: unknown): SshError {
  const { level, message } = error as Error & { level?: string };
  if (level === 'client-authentication' || /privateKey/i.test(message)) {
    const text =
      `the host does not accept the key for user ${target.username} (${message}). Check the private key, and that its ` +
      `public key is in the user's authorized_keys.`;
    return new SshError('SshAuthentication', 'refused', target.label, text, error);
  }
  if (/no matching host key/i.test(message)) return policy.noCommonKey(error);
  if (level === 'client-timeout') {
    const text = `no connection within ${target.timeouts.connect} ms. Check that the host is up and sshd answers.`;
    return new SshError('SshTimeout', 'retryable', target.label, text, error);
  }
  const text = `cannot connect (${message}). Nothing was run. Check that the host is up, its address, and sshd.`;
  return new SshError('SshUnreachable', 'retryable', target.label, text, error);
}

function lost(target: SshTarget, what: string): SshError {
  const text = `${what}. The command may have run or may still be running: look before running it again.`;
  return new SshError('SshConnectionLost', 'unknown', target.label, text);
}

/**
 * Runs one line. node-ssh's own execCommand decodes each packet by itself, which breaks characters that lie across two,
 * keeps all output, and takes a lost connection for an ended command; hence the channel is used directly.
 */
function execute(target: SshTarget, client: Client, line: string, options: ExecOptions): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const timer = setTimeout(() => fail(timeoutError(target, timeoutMs)), timeoutMs);
    const onAbort = (): void => fail(options.signal?.reason);
    const onClose = (): void => fail(lost(target, 'the connection was lost'));

    function release(): void {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      client.removeListener('close', onClose);
    }
    function fail(reason: unknown): void {
      release();
      client.destroy();
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    }
    if (options.signal?.aborted === true) return onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    client.on('close', onClose);
    try {
      client.exec(line, (error, channel) => {
        if (error !== undefined) return fail(channelError(target, error));
        collect(channel, options, (result) => {
          release();
          if (result === undefined) reject(lost(target, 'the command ended without an exit code'));
          else resolve(result);
        });
      });
    } catch (error) {
      // ssh2 throws when the connection is already gone.
      fail(channelError(target, error as Error));
    }
  });
}

function collect(channel: ClientChannel, options: ExecOptions, done: (result: ExecResult | undefined) => void): void {
  const limit = options.maxOutputBytes ?? defaultOutputBytes;
  const stdout = new BoundedOutput(limit);
  const stderr = new BoundedOutput(limit);
  let exit: { code: number | undefined; signal: string | undefined } | undefined;
  channel.on('data', (chunk: Buffer) => stdout.push(chunk));
  channel.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  channel.on('exit', (code: number | null, signal?: string | null) => {
    exit = { code: code ?? undefined, signal: signal ?? undefined };
  });
  channel.on('close', () => {
    const encoding = options.encoding ?? 'utf8';
    const texts = { stdout: stdout.text(encoding), stderr: stderr.text(encoding) };
    done(exit && { ...exit, ...texts, truncated: stdout.truncated || stderr.truncated });
  });
  // A command that exits without reading its stdin closes it under us.
  channel.on('error', () => undefined);
  channel.end(options.stdin ?? '');
}

function timeoutError(target: SshTarget, timeoutMs: number): SshError {
  const text = `the command did not end within ${timeoutMs} ms. It may still be running: look before running it again.`;
  return new SshError('SshTimeout', 'unknown', target.label, text);
}

function channelError(target: SshTarget, error: Error): SshError {
  const text = `the host opened no channel for the command (${error.message}). Nothing was run. Try again.`;
  return new SshError('SshConnectionLost', 'retryable', target.label, text, error);
}

/** Ends the connection and waits for it; a host that does not answer is left after a second. */
function close(client: Client): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, closeGraceMs);
    function finish(): void {
      clearTimeout(timer);
      client.destroy();
      resolve();
    }
    client.once('close', finish);
    client.end();
  });
}
