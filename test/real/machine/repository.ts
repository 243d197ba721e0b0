import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { buildPackage, readPackage, sha256, type BuiltPackage, type PackageSpec } from './packages.ts';
import type { Site } from './site.ts';

export interface Index {
  readonly text: string;
  /** The text by gzip. */
  readonly compressed: Buffer;
}

/** An apt repository over HTTP that only the hosts of a site reach. */
export interface Repository {
  /** Lines of sh by which a host has it as its only source. */
  readonly use: string;
  /** Lines of sh by which it has the second repository as well. */
  readonly useIndex: string;
  /** Adds packages; a host sees them after its next `apt-get update`. */
  publish(...specs: PackageSpec[]): Promise<void>;
  /** The same with packages of somebody else, by their files. */
  publishArchives(files: readonly string[]): Promise<void>;
  /** Serves a second repository with no more than an index, below `/mirror/`. */
  serveIndex(index: Index): void;
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

  function release(...indexes: readonly (readonly [name: string, content: Buffer])[]): Buffer {
    const sums = indexes.map(([name, content]) => ` ${sha256(content)} ${content.length} ${name}\n`);
    const date = new Date().toUTCString();
    return Buffer.from(`Suite: test\nCodename: test\nDate: ${date}\nSHA256:\n${sums.join('')}`);
  }
  function publishIndex(): void {
    const packages = Buffer.from(index);
    files.set('/Packages', packages);
    files.set('/Release', release(['Packages', packages]));
  }
  function add(packages: readonly BuiltPackage[]): void {
    for (const { file, content, paragraph } of packages) {
      files.set(`/${file}`, content);
      index += `${paragraph}\n`;
    }
    publishIndex();
  }
  publishIndex();
  return {
    use: `rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*\necho 'deb [trusted=yes] http://${site.address}/ ./' >/etc/apt/sources.list.d/test.list\n`,
    publish: async (...specs) => add(await Promise.all(specs.map(buildPackage))),
    publishArchives: async (archives) => add(await Promise.all(archives.map(readPackage))),
    useIndex: `echo 'deb [trusted=yes] http://${site.address}/mirror/ ./' >/etc/apt/sources.list.d/mirror.list\n`,
    serveIndex({ text, compressed }) {
      files.set('/mirror/Packages.gz', compressed);
      files.set('/mirror/Release', release(['Packages', Buffer.from(text)], ['Packages.gz', compressed]));
    },
    breakWith: (status) => void (broken = status),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => listening.close(resolve));
    },
  };
}
