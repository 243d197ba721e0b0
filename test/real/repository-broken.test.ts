import { afterEach, beforeAll, expect, it } from 'vitest';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { upgrade } from './machine/upgrade.ts';

describeOnRealHosts('a repository that is broken', (world) => {
  let host: Host;
  beforeAll(async () => {
    host = await world.boot();
  });
  afterEach(() => world.repository.breakWith(undefined));

  it.each([
    [401, 'Unauthorized'],
    [404, 'Not Found'],
    [503, 'Service Unavailable'],
  ])('fails the upgrade with its address and its answer, %i', async (status, words) => {
    world.repository.breakWith(status);
    await expect(upgrade(host, `answer-${status}`)).rejects.toThrow(
      `ended with exit code 100: E: Failed to fetch http://${world.site.address}/./Packages ${status} ${words} `,
    );
  });

  it('is no matter to the next upgrade once it is mended', async () => {
    expect(await upgrade(host, 'mended')).toEqual({ packages: [] });
  });
});
