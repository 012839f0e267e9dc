import type * as Bull from 'bullmq';
import type { Delivery, Job, JobState } from '../../contracts.js';

/** The data that BullMQ stores with a job, besides the job's id, kind, priority and delay. */
export type JobData = Pick<Job, 'runId' | 'seq' | 'incarnation'>;

/**
 * A number of attempts that is never reached. A job is never given up, because a fault of an item is recorded in its
 * run and a fault of the queue is temporary.
 */
export const forever = 1_000_000_000;

/** Milliseconds until a job is delivered again after its handler has rejected. */
const retryAfter = 1_000;

/**
 * Converts a job to the form that BullMQ's `addBulk` takes.
 *
 * @param now - the engine's time, on which the due time of a delayed job is based
 */
export function bulkJob({ id, kind, runId, incarnation, seq, priority, delay }: Job, now: number) {
  return {
    name: kind,
    data: { runId, seq, incarnation },
    opts: {
      jobId: id,
      attempts: forever,
      backoff: { type: 'fixed', delay: retryAfter },
      ...(priority === 0 ? {} : { priority }),
      ...(delay === 0 ? {} : { delay, timestamp: now }),
    },
  };
}

export function deliveryOf(job: Bull.Job<JobData>, signal: AbortSignal): Delivery {
  const { runId, seq, incarnation } = job.data;
  const kind = job.name as Job['kind'];
  return {
    job: { id: job.id as string, runId, incarnation, kind, seq, priority: job.priority ?? 0 },
    crashes: job.stalledCounter ?? 0,
    signal,
  };
}

export function stateFrom(state: string): JobState {
  switch (state) {
    case 'active':
    case 'delayed':
      return state;
    case 'waiting':
    case 'prioritized':
    case 'paused':
    case 'waiting-children':
      return 'waiting';
    default:
      return 'absent';
  }
}
