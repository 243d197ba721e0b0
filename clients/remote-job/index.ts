export {
  createRemoteJobs,
  RemoteJobError,
  type FollowJobOptions,
  type JobEnd,
  type JobProgress,
  type JobSpec,
  type JobState,
  type RemoteJobs,
  type RemoteJobsOptions,
} from './remote-jobs.ts';
export { parseAptFailure, parseLockHolder } from './apt-failure.ts';
export {
  parseAptProgress,
  parseKeptConffiles,
  parseRemovedPackages,
  parseUpgradedPackages,
  type AptProgress,
  type UpgradedPackage,
} from './apt-progress.ts';
export { WHICH_BOOT } from './scripts.ts';
