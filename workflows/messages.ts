import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Answer, Question } from '../domain/decision.ts';
import type { LeaseAnswer, LeaseRequest, LeaseView, RunRef } from '../domain/lease.ts';
import { Message } from '../domain/messages.ts';
import type {
  FleetProgress,
  FleetReport,
  HostProgress,
  HostReport,
  WeeklyProgress,
  WeeklyReport,
} from '../domain/patch.ts';
import type { GuardStatus, OutageProgress, OutageReport } from '../domain/outage.ts';
import type { NutClientsProgress, NutClientsReport } from '../domain/nut-client.ts';
import type { NodePlan, RollPlan } from '../domain/plan.ts';
import type { PowerPlan } from '../domain/power-plan.ts';
import type { NodeProgress, RollProgress, RollReport } from '../domain/report.ts';
import type { OpenUndo, UndoView } from '../domain/undo.ts';
import type { Leftover } from '../planning/leftover.ts';

export const pauseUpdate = defineUpdate<string>(Message.pause);
export const pauseSignal = defineSignal(Message.pause);
export const resumeUpdate = defineUpdate<string>(Message.resume);
export const resumeSignal = defineSignal(Message.resume);
export const approveUpdate = defineUpdate<string>(Message.approve);
export const approveSignal = defineSignal(Message.approve);
export const abortUpdate = defineUpdate<string>(Message.abort);
export const abortSignal = defineSignal(Message.abort);
export const decideUpdate = defineUpdate<string, [Answer]>(Message.decide);
export const decideSignal = defineSignal<[Answer]>(Message.decide);
export const skipNodeUpdate = defineUpdate<string, [string]>(Message.skipNode);
export const goNowUpdate = defineUpdate<string>(Message.goNow);
export const goNowSignal = defineSignal(Message.goNow);

export const rebootNowUpdate = defineUpdate<string>(Message.rebootNow);
export const rebootNowSignal = defineSignal(Message.rebootNow);
export const skipRebootUpdate = defineUpdate<string>(Message.skipReboot);
export const skipRebootSignal = defineSignal(Message.skipReboot);
export const keepSnapshotSignal = defineSignal(Message.keepSnapshot);
export const removeNowSignal = defineSignal(Message.removeNow);

export const holdPhaseUpdate = defineUpdate<string>(Message.holdPhase);
export const releasePhaseUpdate = defineUpdate<string>(Message.releasePhase);
export const shedNowUpdate = defineUpdate<string>(Message.shedNow);
export const finalNowUpdate = defineUpdate<string>(Message.finalNow);
export const guardStatusQuery = defineQuery<GuardStatus>(Message.progress);
export const outageProgressQuery = defineQuery<OutageProgress>(Message.progress);
export const outageReportQuery = defineQuery<OutageReport | null>(Message.report);

export const powerPlanQuery = defineQuery<PowerPlan | null>(Message.plan);

export const rollPlanQuery = defineQuery<RollPlan | null>(Message.plan);
export const nodePlanQuery = defineQuery<NodePlan | null>(Message.plan);
export const rollReportQuery = defineQuery<RollReport | null>(Message.report);
export const questionQuery = defineQuery<Question | null>(Message.question);
export const rollProgressQuery = defineQuery<RollProgress>(Message.progress);
export const hostReportQuery = defineQuery<HostReport | null>(Message.report);
export const hostProgressQuery = defineQuery<HostProgress>(Message.progress);
export const nodeProgressQuery = defineQuery<NodeProgress>(Message.progress);

export const fleetProgressQuery = defineQuery<FleetProgress>(Message.progress);
export const fleetReportQuery = defineQuery<FleetReport | null>(Message.report);
export const weeklyProgressQuery = defineQuery<WeeklyProgress>(Message.progress);
export const weeklyReportQuery = defineQuery<WeeklyReport | null>(Message.report);

export const nutClientsProgressQuery = defineQuery<NutClientsProgress>(Message.progress);
export const nutClientsReportQuery = defineQuery<NutClientsReport | null>(Message.report);

export const undoQuery = defineQuery<readonly OpenUndo[]>(Message.undo);
export const undoViewQuery = defineQuery<UndoView>(Message.undo);
export const retryNowUpdate = defineUpdate<string>(Message.retryNow);
export const forgetUpdate = defineUpdate<string, [string?]>(Message.forget);
export const undoMoreSignal = defineSignal<[Leftover]>(Message.undoMore);

/** From `updateNode` to the `rollingUpdate` that started it. */
export const nodeProgressSignal = defineSignal<[NodeProgress]>(Message.nodeProgress);

export const requestLeaseUpdate = defineUpdate<LeaseAnswer, [LeaseRequest]>(Message.requestLease);
export const preemptLeaseUpdate = defineUpdate<LeaseAnswer, [LeaseRequest]>(Message.preemptLease);
export const releaseLeaseSignal = defineSignal<[RunRef]>(Message.releaseLease);
export const leaseQuery = defineQuery<LeaseView>(Message.lease);
export const leaseGrantedSignal = defineSignal<[RunRef?]>(Message.leaseGranted);
export const preemptedSignal = defineSignal<[LeaseRequest, RunRef?]>(Message.preempted);
