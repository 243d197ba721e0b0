import type { ContainerSpec } from '../core/machine.ts';
import type { LabClock } from '../core/clock.ts';
import type { PackageDatabase } from './packages.ts';

/** Virtual milliseconds until the first health check has an answer. */
const FIRST_CHECK_MS = 5_000;

/** One container of a Docker host as it is now. */
export interface DockerContainer {
  readonly spec: ContainerSpec;
  state: 'running' | 'exited';
  /** A person has stopped it. */
  stopped: boolean;
  /** Virtual milliseconds. */
  since: number;
}

/** The Docker daemon of a machine: after a boot it starts what the restart policies say. */
export class Containers {
  readonly #clock: LabClock;
  readonly #database: PackageDatabase;
  readonly #containers: readonly DockerContainer[];

  constructor(clock: LabClock, database: PackageDatabase, specs: readonly ContainerSpec[]) {
    this.#clock = clock;
    this.#database = database;
    this.#containers = specs.map((spec) => ({ spec, state: 'running', stopped: false, since: clock.now() }));
  }

  all(): readonly DockerContainer[] {
    return this.#containers;
  }

  get(name: string): DockerContainer | undefined {
    return this.#containers.find(({ spec }) => spec.name === name);
  }

  /** `on-failure` is for containers that fail, not for a daemon that starts. */
  boot(): void {
    for (const container of this.#containers) {
      const { restart = 'unless-stopped' } = container.spec;
      if (restart === 'always' || (restart === 'unless-stopped' && !container.stopped)) this.start(container);
      else this.#change(container, 'exited');
    }
  }

  start(container: DockerContainer): void {
    container.stopped = false;
    this.#change(container, this.#isBroken(container, 'exited') ? 'exited' : 'running');
  }

  stop(container: DockerContainer): void {
    container.stopped = true;
    this.#change(container, 'exited');
  }

  /** Undefined: it has no health check, or does not run. */
  health(container: DockerContainer): 'starting' | 'healthy' | 'unhealthy' | undefined {
    if (container.spec.healthCheck !== true || container.state !== 'running') return undefined;
    if (this.#clock.now() - container.since < FIRST_CHECK_MS) return 'starting';
    return this.#isBroken(container, 'unhealthy') ? 'unhealthy' : 'healthy';
  }

  #isBroken({ spec: { fails } }: DockerContainer, as: 'exited' | 'unhealthy'): boolean {
    return fails?.as === as && this.#database.get(fails.package)?.installed === fails.version;
  }

  #change(container: DockerContainer, state: DockerContainer['state']): void {
    container.state = state;
    container.since = this.#clock.now();
  }
}
