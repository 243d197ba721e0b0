import type { Connection } from '@temporalio/client';

/** gRPC status `ALREADY_EXISTS`. */
const ALREADY_EXISTS = 6;
const RETENTION_DAYS = 7;

/** Creates a namespace unless it exists. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: (RETENTION_DAYS * 86_400) as never },
    });
  } catch (error) {
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  }
}
