import { createHash } from 'node:crypto';
import type { CommandCall, LabCommand } from '../../core/machine.ts';
import type { Containers, DockerContainer } from '../containers.ts';
import type { System } from '../system.ts';
import { parseArguments } from './arguments.ts';

/** docker(1): `ps`, `inspect`, `start` and `stop`, with the fields of `--format` that tell how a container is. */
export function dockerCommand(system: System, containers: Containers): LabCommand {
  return (call) => Promise.resolve(docker(system, containers, call));
}

type Fields = Readonly<Record<string, string>>;

function docker(system: System, containers: Containers, call: CommandCall): number {
  if (system.units.get('docker')?.state !== 'active') {
    call.err('Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n');
    return 1;
  }
  const [verb = '', ...rest] = call.args;
  const args = parseArguments(rest, { values: { '-f': '--format' }, valued: ['--format', '--filter'] });
  const format = args.value('--format');
  if (verb === 'ps') {
    const shown = containers.all().filter(({ state }) => state === 'running' || args.has('-a', '--all'));
    return print(
      call,
      shown.map((container) => psFields(system, containers, container)),
      format ?? '{{.ID}}   {{.Image}}   {{.Status}}   {{.Names}}',
    );
  }
  if (verb !== 'inspect' && verb !== 'start' && verb !== 'stop') {
    call.err(`docker: unknown command: docker ${verb}\n\nRun 'docker --help' for more information\n`);
    return 1;
  }
  let code = 0;
  for (const name of args.operands) {
    const container = containers.get(name);
    if (!container) {
      call.err(`Error response from daemon: No such container: ${name}\n`);
      code = 1;
    } else if (verb === 'inspect') code ||= print(call, [inspectFields(containers, container)], format ?? '');
    else {
      containers[verb](container);
      call.out(`${name}\n`);
    }
  }
  return code;
}

function psFields(system: System, containers: Containers, container: DockerContainer): Fields {
  const { name, image = 'busybox:latest' } = container.spec;
  const seconds = Math.floor((system.context.clock.now() - container.since) / 1_000);
  const health = containers.health(container);
  const shown = health === undefined ? '' : ` (${health === 'starting' ? 'health: starting' : health})`;
  return {
    Names: name,
    Image: image,
    ID: createHash('sha256').update(name).digest('hex').slice(0, 12),
    State: container.state,
    Status: container.state === 'running' ? `Up ${seconds} seconds${shown}` : `Exited (1) ${seconds} seconds ago`,
  };
}

function inspectFields(containers: Containers, container: DockerContainer): Fields {
  const health = containers.health(container);
  return {
    Name: `/${container.spec.name}`,
    'State.Status': container.state,
    'State.Health': health ?? '',
    ...(health === undefined ? {} : { 'State.Health.Status': health }),
    'HostConfig.RestartPolicy.Name': container.spec.restart ?? 'unless-stopped',
  };
}

/** Go's templates, as far as fields and `{{if .Field}}…{{end}}` go. */
function print(call: CommandCall, rows: readonly Fields[], format: string): number {
  for (const fields of rows) {
    const chosen = format.replace(/\{\{if \.([\w.]+)\}\}(.*?)\{\{end\}\}/g, (_, name: string, text: string) =>
      fields[name] ? text : '',
    );
    const unknown = [...chosen.matchAll(/\{\{\.([\w.]+)\}\}/g)].find(([, name = '']) => !(name in fields));
    if (unknown) {
      call.err(`template parsing error: template: :1:2: executing "" at <.${unknown[1]}>: can't evaluate field\n`);
      return 1;
    }
    call.out(`${chosen.replace(/\{\{\.([\w.]+)\}\}/g, (_, name: string) => fields[name] ?? '')}\n`);
  }
  return 0;
}
