import type { FleetReport, WeeklyReport } from '../../domain/patch.ts';
import { fleetDocument } from '../../reports/fleet-document.ts';
import { readFleet, readWeekly } from './read-patching.ts';
import {
  fleetChanges,
  renderFleet,
  renderWeekly,
  weeklyChanges,
  type FleetView,
  type WeeklyView,
} from './render/patch-progress.ts';
import { renderDocument } from './render/document.ts';
import type { RenderOptions } from './render/style.ts';
import type { RunKind } from './run-kind.ts';

const COMMON = {
  family: 'patch',
  afterTermination: 'see on the hosts in hand whether apt is at work and whether a snapshot is left',
  renderReport: renderFleetReport,
  isGood: ({ outcome }: FleetReport | WeeklyReport) => outcome === 'done' || outcome === 'planned',
};

export const FLEET: RunKind<FleetView, FleetReport> = {
  ...COMMON,
  mark: 'hosts',
  read: readFleet,
  renderProgress: renderFleet,
  changes: fleetChanges,
};

export const WEEKLY: RunKind<WeeklyView, WeeklyReport> = {
  ...COMMON,
  mark: 'groups',
  read: readWeekly,
  renderProgress: renderWeekly,
  changes: weeklyChanges,
};

export function renderFleetReport(report: FleetReport | WeeklyReport, layout: RenderOptions): string {
  return renderDocument(fleetDocument(report), layout);
}
