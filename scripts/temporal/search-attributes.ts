import type { Connection } from '@temporalio/client';
import { SearchAttribute } from '../../domain/search-attributes.ts';

/** `KEYWORD` of `temporal.api.enums.v1.IndexedValueType`. */
const KEYWORD = 2;
/** gRPC status `ALREADY_EXISTS`. */
const ALREADY_EXISTS = 6;

/** The names of Caretaker's search attributes, all of them keywords. */
export function searchAttributeNames(): string[] {
  return Object.values(SearchAttribute);
}

/**
 * Registers Caretaker's search attributes in a namespace, one by one: a request with one name that exists is refused as a
 * whole. The time-skipping server cannot list them, so they are not looked up first.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  for (const name of searchAttributeNames()) {
    try {
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { [name]: KEYWORD } });
    } catch (error) {
      if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
    }
  }
}
