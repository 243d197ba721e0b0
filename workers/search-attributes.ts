import type { NativeConnection } from '@temporalio/worker';
import { SearchAttribute } from '../domain/search-attributes.ts';

/** `INDEXED_VALUE_TYPE_KEYWORD` of temporal.api.enums.v1. */
const KEYWORD = 2;

/** gRPC status of an attribute that exists already. */
const ALREADY_EXISTS = 6;

/** Registers our search attributes in the namespace: a run that uses an unknown one would hang without a word. */
export async function ensureSearchAttributes(connection: NativeConnection, namespace: string): Promise<void> {
  const searchAttributes = Object.fromEntries(Object.values(SearchAttribute).map((name) => [name, KEYWORD]));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  }
}
