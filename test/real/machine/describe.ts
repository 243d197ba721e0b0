import { afterAll, beforeAll, describe, inject } from 'vitest';
import type {} from '../../helpers/provided.ts';
import { bootHost, type Host, type HostOptions } from './host.ts';
import { createRepository, type Repository } from './repository.ts';
import { createSite, type Site } from './site.ts';

export interface World {
  readonly site: Site;
  readonly repository: Repository;
  boot(options?: Partial<HostOptions>): Promise<Host>;
}

/** A block of tests with a site and an apt repository of its own; skipped on a machine where there can be none. */
export function describeOnRealHosts(name: string, tests: (world: World) => void): void {
  const debian = inject('debian');
  describe.runIf(debian !== null)(name, () => {
    let site: Site;
    let repository: Repository;
    let hosts = 0;
    beforeAll(async () => {
      site = await createSite();
      repository = await createRepository(site);
    });
    afterAll(async () => {
      await repository.close();
      await site.close();
    });
    tests({
      get site() {
        return site;
      },
      get repository() {
        return repository;
      },
      boot(options = {}) {
        const number = ++hosts + 10;
        const prepare = `${repository.use}${options.prepare ?? ''}`;
        return bootHost(site, { name: `host${number}`, number, debian: debian ?? '', ...options, prepare });
      },
    });
  });
}
