import type { FleetReport, WeeklyReport } from '../../domain/patch.ts';
import { asText } from '../../reports/as-text.ts';
import type { Tone } from '../../reports/document.ts';
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
import { createStyle, DEFAULT_WIDTH, type RenderOptions } from './render/style.ts';
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

export function renderFleetReport(
  report: FleetReport | WeeklyReport,
  { width = DEFAULT_WIDTH, color }: RenderOptions,
): string {
  const style = createStyle(color);
  const paint = (text: string, tone: Tone | 'strong'): string => (tone === 'plain' ? text : style[tone](text));
  return asText(fleetDocument(report), { width, paint });
}
