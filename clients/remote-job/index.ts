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
export { parseAptFailure } from './apt-failure.ts';
export { parseAptProgress, parseUpgradedPackages, type AptProgress, type UpgradedPackage } from './apt-progress.ts';
