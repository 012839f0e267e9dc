import { setInterval } from 'node:timers/promises';
import { DistributedOrchestrator, DistributedWorker, type Engine, type RunStatus } from 'orchestrator/distributed';
import { FlowRuntime } from 'orchestrator/flow';
import { orderFlow, Shop } from './flow.js';

/** Current state of the fleet. */
export interface Status {
  /** Number of runs by status. */
  readonly runs: Readonly<Partial<Record<RunStatus, number>>>;
  readonly workersAlive: number;
}

/** Counts from the journals for a node: in how many runs it has completed, and how often in total. */
export interface Counted {
  readonly runs: number;
  readonly effects: number;
}

/** Result of the demo. */
export interface Outcome {
  readonly status: Status;
  /** Counts by node id. */
  readonly counted: Readonly<Record<string, Counted>>;
}

/**
 * Milliseconds until the work of a dead worker may be taken over; it happens after at most one and a half times this.
 * The default is 5000.
 */
const lockDuration = 2_000;

/** Milliseconds after which runs of an interrupted demo are removed. */
const retention = 3_600_000;

export function createOrchestrator(engine: Engine): DistributedOrchestrator {
  return new DistributedOrchestrator({ engine, workflows: [orderFlow], retention });
}

/** @param onNode - called after a node has been executed, before its result is committed. Default: not called */
export async function startWorker(
  engine: Engine,
  id: string,
  url: string,
  onNode = () => {},
): Promise<DistributedWorker> {
  const runtime = new FlowRuntime({
    dependencies: new Shop(url),
    middleware: [
      async (_args, next) => {
        const output = await next();
        onNode();
        return output;
      },
    ],
  });
  const worker = new DistributedWorker({ id, engine, workflows: [orderFlow], runtime, concurrency: 10, lockDuration });
  await worker.start();
  return worker;
}

/** Run ids chosen by the program. A run that exists already is not started again. */
export function runIdsOf(name: string, orders: number): string[] {
  return Array.from({ length: orders }, (_, index) => `${name}-${index + 1}`);
}

/** Starts a run for each order, waits until all have ended, and counts the entries in their journals. */
export async function carryOut(
  orchestrator: DistributedOrchestrator,
  runIds: readonly string[],
  onStatus: (status: Status) => void,
): Promise<Outcome> {
  const over = new AbortController();
  const watching = watch(orchestrator, runIds, onStatus, over.signal);
  try {
    await Promise.all(
      runIds.map((runId, index) => orchestrator.startRun({ number: index + 1 }, undefined, { id: runId })),
    );
    await Promise.all(runIds.map((runId) => orchestrator.waitForCompletion(runId)));
  } finally {
    over.abort();
    await watching;
  }
  return { status: await statusOf(orchestrator, runIds), counted: await countEffects(orchestrator, runIds) };
}

/** Number of jobs in the queue. */
export async function jobsIn({ queue }: Engine): Promise<number> {
  const { waiting, delayed, active } = await queue.depth();
  return waiting + delayed + active;
}

async function watch(
  orchestrator: DistributedOrchestrator,
  runIds: readonly string[],
  onStatus: (status: Status) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const _ of setInterval(250, undefined, { signal })) onStatus(await statusOf(orchestrator, runIds));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function statusOf(orchestrator: DistributedOrchestrator, runIds: readonly string[]): Promise<Status> {
  const ours = new Set(runIds);
  const runs: Partial<Record<RunStatus, number>> = {};
  const page = await orchestrator.listRuns({ workflow: orderFlow.name, limit: 1_000 });
  for (const { runId, status } of page.runs) if (ours.has(runId)) runs[status] = (runs[status] ?? 0) + 1;
  const workers = await orchestrator.liveness();
  return { runs, workersAlive: workers.filter(({ alive }) => alive).length };
}

/** Counts effects. A journal records each effect once, however often its node was executed. */
async function countEffects(
  orchestrator: DistributedOrchestrator,
  runIds: readonly string[],
): Promise<Record<string, Counted>> {
  const counted: Record<string, Counted> = {};
  for (const runId of runIds) {
    const effects: Record<string, number> = {};
    for await (const { type, nodeId = '' } of orchestrator.events(runId)) {
      if (type === 'completed') effects[nodeId] = (effects[nodeId] ?? 0) + 1;
    }
    for (const [nodeId, times] of Object.entries(effects)) {
      const before = counted[nodeId] ?? { runs: 0, effects: 0 };
      counted[nodeId] = { runs: before.runs + 1, effects: before.effects + times };
    }
  }
  return counted;
}
