import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { buildPackage, sha256, type PackageSpec } from './packages.ts';
import type { Site } from './site.ts';

/** An apt repository over HTTP that only the hosts of a site reach. */
export interface Repository {
  /** Lines of sh by which a host has it as its only source. */
  readonly use: string;
  /** Adds packages; a host sees them after its next `apt-get update`. */
  publish(...specs: PackageSpec[]): Promise<void>;
  /** Answers every request with this status, as a broken mirror does; `undefined` mends it. */
  breakWith(status: number | undefined): void;
  close(): Promise<void>;
}

const PORT = 80;

export async function createRepository(site: Site): Promise<Repository> {
  const files = new Map<string, Buffer>();
  let index = '';
  let broken: number | undefined;
  const server = createServer((request, response) => {
    // apt asks for /./Packages and writes ~ as %7e.
    const content = files.get(decodeURIComponent(new URL(request.url ?? '', 'http://repository').pathname));
    response.statusCode = broken ?? (content === undefined ? 404 : 200);
    response.end(response.statusCode === 200 ? content : undefined);
  });
  const listening = await site.listen(PORT);
  listening.on('connection', (socket: Socket) => server.emit('connection', socket));

  function publishIndex(): void {
    const packages = Buffer.from(index);
    const release = `Suite: test\nCodename: test\nDate: ${new Date().toUTCString()}\nSHA256:\n ${sha256(packages)} ${packages.length} Packages\n`;
    files.set('/Packages', packages);
    files.set('/Release', Buffer.from(release));
  }
  publishIndex();
  return {
    use: `rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*\necho 'deb [trusted=yes] http://${site.address}/ ./' >/etc/apt/sources.list.d/test.list\n`,
    async publish(...specs) {
      for (const built of await Promise.all(specs.map(buildPackage))) {
        files.set(`/${built.file}`, built.content);
        index += `${built.paragraph}\n`;
      }
      publishIndex();
    },
    breakWith: (status) => void (broken = status),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => listening.close(resolve));
    },
  };
}
