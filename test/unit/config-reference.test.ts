import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { describeSchema, type SchemaPart } from '../../config/problems.ts';
import { configSchema } from '../../config/schema.ts';
import { REFERENCE_PAGE, renderConfigReference } from '../../scripts/generate-config-reference.ts';

describe('the configuration reference', () => {
  it('is the page that the schema generates (node --import tsx scripts/generate-config-reference.ts)', async () => {
    expect(await readFile(REFERENCE_PAGE, 'utf8')).toBe(await renderConfigReference());
  });

  it('describes every key', () => {
    const undescribed = keysOf(describeSchema(configSchema)).filter(([, part]) => !part.description?.endsWith('.'));
    expect(undescribed.map(([path]) => path)).toEqual([]);
  });
});

function keysOf(part: SchemaPart, path = ''): [string, SchemaPart][] {
  return Object.entries((part.items ?? part).properties ?? {}).flatMap(([key, value]) => [
    [`${path}${key}`, value],
    ...keysOf(value, `${path}${key}.`),
  ]);
}
