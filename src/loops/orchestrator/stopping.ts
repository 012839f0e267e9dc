import pTimeout from 'p-timeout';
import type { Deadline } from '../../shared/deadline.js';
import { LoopStateError } from '../errors.js';
import { isBehind } from '../workflow.js';
import type { StopSummary } from './contracts.js';
import type { Exchange } from './exchange.js';
import type { StopReport } from './stop-report.js';
import type { Supervisor } from './supervisor.js';

/** Milliseconds between two looks at queues while loops are being stopped. */
const look = 10;

/** How loops are stopped. */
export interface StopPlan {
  readonly exchange: Exchange;
  /** If true, loops that read queues go on until these are empty. */
  readonly drain: boolean;
  /** If true, the loop takes messages from its queue, or will. */
  readonly isReading: (loopId: string) => boolean;
}

interface Stopping extends StopPlan {
  /** Aborts when there is no time left. */
  readonly signal: AbortSignal;
}

/** Has loops end, in the order of what they push; what has not ended by the deadline is aborted. @returns what was left undone */
export async function stopInTime(
  supervisors: readonly Supervisor[],
  plan: StopPlan,
  deadline: Deadline,
): Promise<StopSummary> {
  const loops = await reportsOf(supervisors, plan, deadline);
  return {
    loops,
    abandoned: loops.reduce((sum, { inFlight }) => sum + inFlight, 0),
    messages: plan.exchange
      .metrics()
      .reduce((sum, { depth, unacknowledged, blocked }) => sum + depth + unacknowledged + blocked, 0),
  };
}

async function reportsOf(
  loops: readonly Supervisor[],
  plan: StopPlan,
  deadline: Deadline,
): Promise<readonly StopReport[]> {
  const late = new AbortController();
  const reports: StopReport[] = [];
  const stopping = stopInOrder(loops, { ...plan, signal: late.signal }, reports);
  const passed = await Promise.race([stopping.then(() => undefined), deadline.passed]);
  if (passed === undefined) return reports;
  late.abort();
  const inTime = [...reports];
  const problem = `it did not end within ${passed} ms`;
  const aborted = await Promise.all(
    loops.map((supervisor) => supervisor.abort(new LoopStateError(supervisor.id, 'stopping', problem))),
  );
  return [...inTime, ...aborted.filter((report) => report !== undefined)];
}

/**
 * Stops loops in the order of what they push: who waits for room in a queue gets it from those who read it. When all have
 * ended that push to a queue, who reads it ends, when it is to drain not before the queue is empty. Loops that feed each
 * other are stopped together, when nothing is left in their queues. A loop that waits for room in a queue which no loop reads
 * is aborted: it would wait in vain.
 *
 * @param reports - how they have ended: each is noted when it has
 */
async function stopInOrder(loops: readonly Supervisor[], stopping: Stopping, reports: StopReport[]): Promise<void> {
  const { drain, signal } = stopping;
  // Whoever is pushed to must not be paused, or wait for its restart, while others wait for room.
  if (drain) for (const supervisor of loops) if (reads(supervisor)) supervisor.stop('read on');
  const left = new Set(loops);
  const isFirst = (supervisor: Supervisor) => {
    const others = [...left].filter((other) => other !== supervisor).map(({ shape }) => shape);
    return !isBehind(supervisor.shape, others);
  };
  while (left.size > 0) {
    const first = [...left].filter(isFirst);
    const next = first.length > 0 ? first : [...left];
    if (first.length === 0 && drain) await quiet(next, stopping);
    if (signal.aborted) break;
    await Promise.all(
      next.map(async (supervisor) => {
        const report = await stopOne(supervisor, stopping);
        left.delete(supervisor);
        if (report !== undefined) reports.push(report);
      }),
    );
  }
}

async function stopOne(supervisor: Supervisor, stopping: Stopping): Promise<StopReport | undefined> {
  const { ended } = supervisor;
  if (ended === undefined) return undefined;
  supervisor.stop(stopping.drain && reads(supervisor) ? 'drained' : 'now');
  for (;;) {
    const report = await pTimeout(ended, { milliseconds: look, fallback: () => undefined });
    if (report !== undefined || stopping.signal.aborted) return report;
    const aborted = await abortStuck(supervisor, stopping);
    if (aborted !== undefined) return aborted;
  }
}

/** Resolves when nothing is in the queues that loops read, or there is no time left. */
async function quiet(loops: readonly Supervisor[], stopping: Stopping): Promise<void> {
  const queues = loops.flatMap(({ shape: { reads } }) => (reads === undefined ? [] : [reads]));
  while (!stopping.signal.aborted && queues.some((queue) => !stopping.exchange.isEmpty(queue))) {
    await new Promise((resolve) => {
      setTimeout(resolve, look);
    });
    const isStuck = loops.some((supervisor) => stuckIn(supervisor, stopping) !== undefined);
    if (isStuck || !loops.every(({ isRunning }) => isRunning)) return;
  }
}

/** Aborts a loop that waits for room in vain. @returns how it has ended then */
async function abortStuck(supervisor: Supervisor, stopping: Stopping): Promise<StopReport | undefined> {
  const queue = stuckIn(supervisor, stopping);
  if (queue === undefined) return undefined;
  const problem = `it waits for room in the queue "${queue}", which no loop reads any more`;
  return supervisor.abort(new LoopStateError(supervisor.id, 'stopping', problem));
}

function stuckIn({ waitsIn }: Supervisor, { exchange, isReading }: Stopping): string | undefined {
  for (const queue of waitsIn) if (exchange.isStuck(queue, isReading)) return queue;
  return undefined;
}

function reads({ shape }: Supervisor): boolean {
  return shape.reads !== undefined;
}
