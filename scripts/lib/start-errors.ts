import { isGrpcServiceError } from '@temporalio/client';
import { DevServerError } from '../temporal/dev-server.ts';
import { TemporalUnavailableError } from '../temporal/locate.ts';
import { AlreadyRunningError } from './single-instance.ts';
import { UsageError } from './start-options.ts';
import { WorkerStartError } from './worker-process.ts';

const WITH_A_REMEDY = [UsageError, DevServerError, TemporalUnavailableError, AlreadyRunningError, WorkerStartError];

const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there. Make it writable, or start from a folder of your own',
  EPERM: 'this user may not write there. Make it writable, or start from a folder of your own',
  EROFS: 'the file system is read-only. Start from a folder that can be written to',
  ENOSPC: 'the disk is full. Make room and try again',
  EDQUOT: 'the disk quota is used up. Make room and try again',
  EMFILE: 'too many files are open. Raise the limit (ulimit -n) and try again',
};

/** What a person needs to know of an error of `npm start`; `undefined` for a fault of ours, which keeps its stack trace. */
export function describeStartError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (WITH_A_REMEDY.some((kind) => error instanceof kind)) return error.message;
  const service = [error, error.cause].find((each) => isGrpcServiceError(each));
  if (service !== undefined) {
    return `Temporal stopped answering (${service.details || service.message}). Its log is .caretaker/temporal.log. Run npm start again: it starts Temporal anew.`;
  }
  const { code, path } = error as NodeJS.ErrnoException;
  const problem = FILE_PROBLEMS[code ?? ''];
  return problem === undefined ? undefined : `Cannot use ${path ?? 'the disk'}: ${problem}.`;
}
