import type { Connection } from '@temporalio/client';
import { SearchAttribute } from '../domain/search-attributes.ts';

/** `KEYWORD` of `temporal.api.enums.v1.IndexedValueType`. */
const KEYWORD = 2;
/** gRPC status `ALREADY_EXISTS`, which the time-skipping server answers for a name it knows. */
const ALREADY_EXISTS = 6;

/** The names of our search attributes, all of them keywords. */
export function searchAttributeNames(): string[] {
  return Object.values(SearchAttribute);
}

/**
 * Registers our search attributes in a namespace. Those that exist are left alone. A run that uses an unknown one would
 * hang without a word.
 */
export async function registerSearchAttributes(
  connection: Pick<Connection, 'operatorService'>,
  namespace: string,
): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributeNames().filter((name) => !(name in customAttributes));
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  }
}
