import type * as Bull from 'bullmq';
import type { Delivery, Job, JobState } from '../../contracts.js';

/** What a job carries in BullMQ besides id, kind, priority and delay. */
export type JobData = Pick<Job, 'runId' | 'seq' | 'incarnation'>;

/** A job is never given up: what is wrong with an item is the run's to know, what is wrong with the queue passes. */
export const forever = 1_000_000_000;

/** Milliseconds after which a job whose handler has rejected is delivered again. */
const retryAfter = 1_000;

/**
 * A job as BullMQ adds it.
 *
 * @param now - the engine's clock, which a delay is counted from
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
