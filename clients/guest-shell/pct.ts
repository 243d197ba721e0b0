import { sh, type ExecOptions, type ExecResult, type SshClient, type SshExec } from '../ssh/index.ts';
import { GuestShellError } from './errors.ts';
import type { GuestShell } from './shell.ts';

export interface PctShellOptions {
  readonly vmid: number;
  /** Root's login on the node that has the container now; asked for each connection, since containers move. */
  readonly node: (signal?: AbortSignal) => Promise<SshClient>;
}

/** First words of the shell in the container: without them, what failed is pct(1) and nothing was run. */
const MARK = 'caretaker-in-container';

/**
 * A shell in a container by `pct exec` on its node, which needs no SSH server in it. Commands get no terminal and begin in
 * root's home; bytes and exit codes pass unchanged. Failures of the connection to the node are thrown as `SshError`.
 */
export function createPctShell({ vmid, node }: PctShellOptions): GuestShell {
  const label = `container ${vmid} (pct exec)`;

  async function withConnection<T>(
    run: (connection: SshExec) => Promise<T>,
    scope: { signal?: AbortSignal } = {},
  ): Promise<T> {
    const ssh = await node(scope.signal);
    return ssh.withConnection(
      (connection) => run({ exec: (line, options) => execInside(connection, { vmid, label }, line, options) }),
      scope,
    );
  }
  return {
    label,
    withConnection,
    exec: (line, options = {}) =>
      withConnection(
        (connection) => connection.exec(line, options),
        options.signal === undefined ? {} : { signal: options.signal },
      ),
  };
}

async function execInside(
  node: SshExec,
  container: { readonly vmid: number; readonly label: string },
  line: string,
  options: ExecOptions = {},
): Promise<ExecResult> {
  const script = `echo ${MARK} >&2\nexport HOME="\${HOME:-/root}"\ncd\n${line}`;
  const result = await node.exec(sh`pct exec ${container.vmid} -- /bin/sh -c ${script}`, options);
  // Before it stands what the programs of the node have to complain of, such as its locale.
  const begin = result.stderr.indexOf(`${MARK}\n`);
  if (begin < 0) throw pctError(container.label, result);
  return { ...result, stderr: result.stderr.slice(begin + MARK.length + 1) };
}

function pctError(label: string, { code, signal, stdout, stderr }: ExecResult): GuestShellError {
  const said = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
  const words = said === '' ? `pct ended with ${signal ?? `exit code ${code ?? 'none'}`}` : said;
  if (/please run as root|Permission denied|command not found|pct: not found/i.test(stderr)) {
    const text = `${words}. Log in to the nodes as root (cluster.ssh.user).`;
    return new GuestShellError('GuestShellRefused', 'refused', label, text);
  }
  if (/Failed to exec|No such file or directory - Failed to exec/.test(stderr)) {
    return new GuestShellError('GuestShellRefused', 'refused', label, `${words}. It needs a /bin/sh.`);
  }
  const text = `${words}. Nothing was run. Try again when the container runs.`;
  return new GuestShellError('GuestShellUnreachable', 'retryable', label, text);
}
