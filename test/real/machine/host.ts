import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sh, type SshTimeouts } from '../../../clients/ssh/index.ts';
import { createKeyPair, type KeyPair } from '../../integration/clients-ssh-server.ts';

import { connectTo, type HostClients } from './connect.ts';
import { onlyChild, type Site } from './site.ts';

export interface HostOptions {
  readonly name: string;
  /** The last number of its address. */
  readonly number: number;
  /** Base folder of Debian. */
  readonly debian: string;
  /** A machine has a new boot id after each boot, a container that of its host (default: machine). */
  readonly kind?: 'machine' | 'container';
  /** What boots it (default: systemd). */
  readonly init?: string;
  /** Lines of sh, run in its file system before its first boot. */
  readonly prepare?: string;
}

/** How a boot ended, by the signal with which the kernel ends the init of a container (reboot(2)). */
export type BootEnd = 'reboot' | 'poweroff' | 'power-cut';

export interface Host extends HostClients {
  readonly name: string;
  readonly hostKey: KeyPair;
  readonly clientKey: KeyPair;
  /** Where its sshd is reached from out here. */
  readonly sshPort: number;
  /** A client of its own for the same host. */
  connect(timeouts?: Partial<SshTimeouts>): HostClients;
  /** Runs a line as root and gives what it printed; throws if it fails. */
  sh(line: string): Promise<string>;
  /** Waits until sshd answers and systemd has booted. */
  ready(): Promise<void>;
  /** How the boots so far ended. */
  readonly ends: readonly BootEnd[];
  unplug(): Promise<void>;
  plug(): Promise<void>;
  /** Takes its power away; it boots again at once. */
  cutPower(): Promise<void>;
}

const BOOT = fileURLToPath(new URL('host.sh', import.meta.url));
const READY_WITHIN_MS = 60_000;

/** Boots a host in a site, and again whenever it reboots, until the site is closed. */
export async function bootHost(site: Site, options: HostOptions): Promise<Host> {
  const { name, number } = options;
  const folder = `${site.place}/${name}`;
  const address = `198.18.0.${number}`;
  const hostKey = createKeyPair('ed25519');
  const clientKey = createKeyPair('ed25519');
  const prepare = `${withKeys(hostKey, clientKey)}${options.prepare ?? ''}`;
  await site.run(['sh', '-ec', 'mkdir "$0" && cat >"$0/prepare" && : >"$0/net"', folder], { input: prepare });
  // The network outlives the boots, as a switch and its cable do.
  const wire = `ip link set lo up; ip link add eth0 type veth peer name ${name} netns 1
    ip address add ${address}/24 dev eth0; ip link set eth0 up`;
  await site.run(['unshare', `--net=${folder}/net`, 'sh', '-ec', wire]);
  await site.run(['ip', 'link', 'set', name, 'master', 'wire', 'up']);
  const sshPort = await site.forward(address, 22);

  const kind = options.kind ?? 'machine';
  const init = options.init ?? '/lib/systemd/systemd';
  const ends: BootEnd[] = [];
  let booted: ChildProcess;
  let isPowerCut = false;
  function boot(): void {
    const apart = ['unshare', '--mount', '--pid', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'];
    const argv = ['nsenter', `--net=${folder}/net`, ...apart, 'sh', BOOT, folder, options.debian, name, kind, init];
    booted = site.spawn(argv, name);
    let console = '';
    const onText = (text: Buffer): void => void (console = `${console}${text.toString()}`.slice(-4_000));
    booted.stdout?.on('data', onText);
    booted.stderr?.on('data', onText);
    booted.once('close', (code, signal) => {
      const end = isPowerCut ? 'power-cut' : endOf(code, signal);
      isPowerCut = false;
      // SIGKILL: the site is closed.
      if (end === undefined && signal !== 'SIGKILL')
        process.stderr.write(`${name} did not boot (${signal ?? code}):\n${console}\n`);
      if (end !== undefined) ends.push(end);
      if (end === 'reboot' || end === 'power-cut') boot();
    });
  }
  boot();

  const connect = (timeouts?: Partial<SshTimeouts>): HostClients =>
    connectTo({ sshPort, privateKey: clientKey.privateKey, fingerprint: hostKey.fingerprint }, timeouts);
  const own = connect({ connect: 2_000 });

  async function ready(): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const state = await own.ssh.exec('systemctl is-system-running').then(
        ({ stdout }) => stdout.trim(),
        (error: unknown) => String(error),
      );
      if (['running', 'degraded', 'offline'].includes(state)) return;
      if (Date.now() > deadline) throw new Error(`${name} is not ready: ${state}`);
      await delay(50);
    }
  }
  await ready();
  return {
    name,
    hostKey,
    clientKey,
    sshPort,
    ...own,
    connect,
    ends,
    ready,
    async sh(line) {
      const { code, stdout, stderr } = await own.ssh.exec(line);
      if (code !== 0) throw new Error(`${line} ended with ${code} on ${name}: ${stderr || stdout}`);
      return stdout;
    },
    unplug: async () => void (await site.run(['ip', 'link', 'set', name, 'down'])),
    plug: async () => void (await site.run(['ip', 'link', 'set', name, 'up'])),
    async cutPower() {
      const ended = once(booted, 'close');
      // nsenter waits for unshare, which waits for init.
      const init = await onlyChild(await onlyChild(booted.pid ?? 0));
      isPowerCut = true;
      process.kill(init, 'SIGKILL');
      await ended;
    },
  };
}

/** How unshare ended, which passes on what its child died of. */
function endOf(code: number | null, signal: NodeJS.Signals | null): BootEnd | undefined {
  if (signal === 'SIGHUP' || code === 129) return 'reboot';
  if (signal === 'SIGINT' || code === 130) return 'poweroff';
  return undefined;
}

/** The host's own key and the one that may log in. */
function withKeys(hostKey: KeyPair, clientKey: KeyPair): string {
  return `umask 077
mkdir -p /root/.ssh /var/lib/caretaker /run/sshd
printf '%s\\n' ${sh`${clientKey.line}`} >/root/.ssh/authorized_keys
rm -f /etc/ssh/ssh_host_*
printf '%s' ${sh`${hostKey.privateKey}`} >/etc/ssh/ssh_host_ed25519_key
ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key >/etc/ssh/ssh_host_ed25519_key.pub
umask 022
`;
}
