import type { Route } from '../route.ts';
import { ACCESS_ROUTES } from './access.ts';
import { AGENT_ROUTES } from './agent.ts';
import { APT_ROUTES } from './apt.ts';
import { CLUSTER_ROUTES } from './cluster.ts';
import { GUEST_ROUTES } from './guests.ts';
import { HA_ROUTES } from './ha.ts';
import { NODE_ROUTES } from './nodes.ts';
import { SNAPSHOT_ROUTES } from './snapshots.ts';
import { STORAGE_ROUTES } from './storage.ts';
import { TASK_ROUTES } from './tasks.ts';

/** Every line of the API the lab serves. */
export const ROUTES: readonly Route[] = [
  ...ACCESS_ROUTES,
  ...CLUSTER_ROUTES,
  ...HA_ROUTES,
  ...NODE_ROUTES,
  ...APT_ROUTES,
  ...STORAGE_ROUTES,
  ...TASK_ROUTES,
  ...GUEST_ROUTES,
  ...SNAPSHOT_ROUTES,
  ...AGENT_ROUTES,
];
