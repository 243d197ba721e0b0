import { describe, expect, it } from 'vitest';
import { createPctShell } from '../../clients/guest-shell/index.ts';
import type { ExecResult, SshClient } from '../../clients/ssh/index.ts';

/** A node that answers `pct exec` as given. */
function shellOver(answer: Partial<ExecResult>) {
  const lines: string[] = [];
  const exec = (line: string) => {
    lines.push(line);
    return Promise.resolve({ code: 0, signal: undefined, stdout: '', stderr: '', truncated: false, ...answer });
  };
  const node: SshClient = { label: 'root@pve1:22', exec, withConnection: (run) => run({ exec }) };
  return { lines, shell: createPctShell({ vmid: 101, node: () => Promise.resolve(node) }) };
}

const begun = 'caretaker-in-container\n';

describe('a shell by pct exec', () => {
  it('quotes the command once for the node and leaves it whole for the container', async () => {
    const { lines, shell } = shellOver({ stderr: begun });
    await shell.exec(`echo "it's $HOME"`);
    expect(lines).toEqual([
      `pct exec 101 -- /bin/sh -c 'echo caretaker-in-container >&2\nexport HOME="\${HOME:-/root}"\ncd\necho "it'\\''s $HOME"'`,
    ]);
  });

  it('drops what the programs of the node complain of, and keeps the words of the command', async () => {
    const stderr = `perl: warning: Setting locale failed.\n${begun}the command's own\n`;
    expect((await shellOver({ stderr, code: 1 }).shell.exec('x')).stderr).toBe("the command's own\n");
  });

  it.each([
    ["container '101' not running!", 255],
    ["Configuration file 'nodes/pve1/lxc/101.conf' does not exist", 2],
    ['lxc-attach: 101: ../src/lxc/attach.c: get_attach_context: 406 Connection refused - Failed to get init pid', 1],
  ])('says that nothing was run: %s', async (stderr, code) => {
    await expect(shellOver({ stderr: `${stderr}\n`, code }).shell.exec('x')).rejects.toMatchObject({
      type: 'GuestShellUnreachable',
      outcome: 'retryable',
      message: `container 101 (pct exec): ${stderr}. Nothing was run. Try again when the container runs.`,
    });
  });

  it.each(['please run as root', 'sh: 1: pct: not found', 'bash: line 1: pct: command not found'])(
    'is refused for good: %s',
    async (stderr) => {
      await expect(shellOver({ stderr, code: 127 }).shell.exec('x')).rejects.toMatchObject({ outcome: 'refused' });
    },
  );

  it('is refused for good by a container without a shell', async () => {
    const stderr =
      'lxc-attach: 101: ../src/lxc/attach.c: lxc_attach_run_command: 1841 No such file or directory - Failed to exec "/bin/sh"';
    await expect(shellOver({ stderr, code: 127 }).shell.exec('x')).rejects.toMatchObject({
      outcome: 'refused',
      message: expect.stringContaining('It needs a /bin/sh.') as string,
    });
  });
});
