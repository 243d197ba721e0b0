import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveSecret } from '../../config/secrets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-secrets-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a secret', () => {
  it('comes from a variable or a file, without the newline at its end', async () => {
    const file = join(folder, 'token');
    await writeFile(file, 'a b\nc\r\n\n');
    expect(await resolveSecret({ file }, {})).toBe('a b\nc');
    expect(await resolveSecret({ env: 'TOKEN' }, { TOKEN: 'abc\n' })).toBe('abc');
  });

  it('is missed by the name of its field and variable', async () => {
    await expect(resolveSecret({ env: 'TOKEN' }, {}, 'cluster.api.token')).rejects.toThrow(
      /^cluster\.api\.token points to the environment variable TOKEN, which is not set\. Set it/,
    );
  });

  it('is missed by the name of its field and file', async () => {
    const file = join(folder, 'none');
    await expect(resolveSecret({ file }, {}, 'cluster.ssh.privateKey')).rejects.toThrow(
      `cluster.ssh.privateKey points to the file ${file}, which does not exist. Create it`,
    );
    await expect(resolveSecret({ file: folder }, {})).rejects.toThrow(/cannot be read \(EISDIR\)/);
  });

  it('is never empty', async () => {
    await expect(resolveSecret({ env: 'TOKEN' }, { TOKEN: ' \n' })).rejects.toThrow(/TOKEN, which is empty/);
  });
});
