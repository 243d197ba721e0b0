import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Service {
  readonly image: string;
  readonly restart?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const text = readFileSync(new URL('../../docker-compose.temporal.yml', import.meta.url), 'utf8');
const compose = parse(text) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);

describe('docker-compose.temporal.yml', () => {
  it.each(services)('restarts %s and pins its version', (_name, { image, restart }) => {
    expect(restart).toMatch(/^(unless-stopped|on-failure:\d+)$/);
    expect(image).toMatch(/:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  it('publishes ports on loopback alone', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports).toEqual(['127.0.0.1:7233:7233', '127.0.0.1:8233:8080']);
  });

  it('has no password of its own: it must be given', () => {
    const passwords = services.flatMap(([, service]) =>
      Object.entries(service.environment).flatMap(([name, value]) => (/PASSWORD|PWD/.test(name) ? [value] : [])),
    );
    expect(passwords).toHaveLength(3);
    for (const password of passwords) expect(password).toMatch(/^\$\{TEMPORAL_DB_PASSWORD:\?.*\}$/);
  });

  it('keeps the database in a named volume', () => {
    const [volume] = compose.services.database?.volumes ?? [];
    expect(Object.keys(compose.volumes)).toContain(volume?.split(':')[0]);
  });
});
