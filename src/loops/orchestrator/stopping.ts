import pTimeout from 'p-timeout';
import type { Deadline } from '../../shared/deadline.js';
import { LoopStateError } from '../errors.js';
import { isBehind } from '../workflow.js';
import type { StopSummary } from './contracts.js';
import type { Exchange } from './exchange.js';
import type { StopReport } from './stop-report.js';
import type { Supervisor } from './supervisor.js';

/** Milliseconds between checks of the queues while loops are being stopped. */
const look = 10;

/** Options for stopping several loops. */
export interface StopPlan {
  readonly exchange: Exchange;
  /** If true, loops that read queues continue until these queues are empty. */
  readonly drain: boolean;
  /** Returns true if the loop takes messages from its queue, now or after a restart. */
  readonly isReading: (loopId: string) => boolean;
}

interface Stopping extends StopPlan {
  /** Aborts at the deadline. */
  readonly signal: AbortSignal;
}

/**
 * Stops loops in the order of the queues between them. Loops that have not ended at the deadline are aborted.
 *
 * @returns the end of each loop, and the work that was left unfinished
 */
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
  const problem = `it did not end within ${passed} ms, raise the timeout or end its nodes when data.signal aborts`;
  const aborted = await Promise.all(
    loops.map((supervisor) => supervisor.abort(new LoopStateError(supervisor.id, 'stopping', problem))),
  );
  return [...inTime, ...aborted.filter((report) => report !== undefined)];
}

/**
 * Stops loops in the order of the queues between them. A loop that reads a queue is stopped after all loops that push
 * to the queue have ended; if the loop drains, it ends when the queue is empty. This order ensures that a push that
 * waits for room still has a reader. Loops that push to each other in a cycle are stopped together when their queues
 * are empty. A loop that waits for room in a queue that no loop reads any more is aborted, because the wait would never
 * end.
 *
 * @param reports - receives the report of each loop when the loop has ended
 */
async function stopInOrder(loops: readonly Supervisor[], stopping: Stopping, reports: StopReport[]): Promise<void> {
  const { drain, signal } = stopping;
  // Loops that read must not stay paused or wait for a restart while other loops wait for room.
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

/** Waits until the queues that the loops read are empty, a loop is stuck or has ended, or the deadline is reached. */
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

/**
 * Aborts a loop that waits for room in a queue that no loop reads.
 *
 * @returns the report of the loop, or undefined if the loop is not stuck
 */
async function abortStuck(supervisor: Supervisor, stopping: Stopping): Promise<StopReport | undefined> {
  const queue = stuckIn(supervisor, stopping);
  if (queue === undefined) return undefined;
  const problem = `it waits for room in the queue "${queue}", which no loop reads any more, start its reader`;
  return supervisor.abort(new LoopStateError(supervisor.id, 'stopping', problem));
}

function stuckIn({ waitsIn }: Supervisor, { exchange, isReading }: Stopping): string | undefined {
  for (const queue of waitsIn) if (exchange.isStuck(queue, isReading)) return queue;
  return undefined;
}

function reads({ shape }: Supervisor): boolean {
  return shape.reads !== undefined;
}
