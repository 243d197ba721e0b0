import { readFile } from 'node:fs/promises';
import { ConfigError } from './errors.ts';
import type { SecretRef } from './formats.ts';

/**
 * The secret that `ref` points to, without the newline at its end.
 *
 * @param field Field of the configuration that holds the reference, for the error.
 * @throws {ConfigError} that names field and variable or file, never the value.
 */
export async function resolveSecret(ref: SecretRef, env: NodeJS.ProcessEnv, field = 'A secret'): Promise<string> {
  const secret = ('env' in ref ? readVariable(ref.env, env, field) : await readSecretFile(ref.file, field)).replace(
    /[\r\n]+$/,
    '',
  );
  if (secret.trim() !== '') return secret;
  throw new ConfigError(`${field} points to ${nameOf(ref)}, which is empty. Put the secret there.`);
}

function readVariable(name: string, env: NodeJS.ProcessEnv, field: string): string {
  const value = env[name];
  if (value !== undefined) return value;
  throw new ConfigError(
    `${field} points to the environment variable ${name}, which is not set. Set it for this process, or write { file: /path/to/file }.`,
  );
}

async function readSecretFile(path: string, field: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new ConfigError(
      `${field} points to the file ${path}, which ${why}. Create it so that only the user who runs Caretaker may read it (mode 600).`,
    );
  }
}

function nameOf(ref: SecretRef): string {
  return 'env' in ref ? `the environment variable ${ref.env}` : `the file ${ref.file}`;
}
