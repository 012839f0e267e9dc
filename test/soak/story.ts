import { setTimeout as sleep } from 'node:timers/promises';
import type { StartOptions } from 'orchestrator/distributed';
import type { Crew } from './crew.js';
import { sharedTime } from './ledger.js';
import type { PlannedRun } from './plan.js';

/**
 * How a run may stand in the end. `natural`: as the same flow comes to in process. `gone`: it is not there.
 *
 * A request that was made twice may arrive twice, and the second time late: then more than one end is right.
 */
export type End = 'natural' | 'cancelled' | 'gone';

/** What is known of a run that was started. */
export interface StartedRun {
  readonly plan: PlannedRun;
  /** The context of the last run of the id. */
  readonly context: Readonly<Record<string, unknown>>;
  readonly ends: readonly End[];
  /** If true, a request to pause it may arrive late: it may have to be resumed once more. */
  readonly mayPause: boolean;
  /** When its start was first asked for, on the shared clock. */
  readonly askedAt: number;
}

/** Starts a run, and does to it what its plan says. Resolves when all of that was answered. */
export async function live(crew: Crew, plan: PlannedRun): Promise<StartedRun> {
  const { runId, story, workflow, version, options, payload, context } = plan;
  const [first = 0, second = 0, third = 0] = plan.pauses;
  const start = (given: Readonly<Record<string, unknown>>) => {
    const all: StartOptions = { ...options, runId, workflow, version };
    return crew.ask('startRun', given, undefined, all);
  };
  const askedAt = sharedTime();
  const ended = (...ends: readonly End[]): StartedRun => ({ plan, context, ends, mayPause: false, askedAt });

  const { isCertain } = await start(context);
  if (story === 'nothing' || story === 'delayed') return ended('natural');
  if (story === 'timed out') return ended('cancelled');
  if (story === 'not kept') return ended('gone');
  await sleep(first);

  if (story === 'signalled') {
    // Sent twice, each is one signal: the second wait gets the second.
    for (const number of [1, 1, 2, 2]) await crew.ask('signal', runId, 'go', { number, payload }, { id: `${number}` });
    return ended('natural');
  }
  if (story === 'paused') {
    const paused = await crew.ask('pause', runId);
    await sleep(second);
    await crew.ask('resume', runId);
    return { ...ended('natural'), mayPause: !paused.isCertain };
  }

  const cancelled = await crew.ask('cancel', runId, 'the soak');
  if (story === 'cancelled') {
    if (cancelled.code === undefined && cancelled.isCertain) return ended('cancelled');
    return cancelled.isCertain ? ended('natural') : ended('cancelled', 'natural');
  }
  await sleep(second);
  if (story === 'cancelled and retried') {
    await crew.ask('retry', runId);
    return cancelled.isCertain ? ended('natural') : ended('cancelled', 'natural');
  }

  // Its id used again: only where no request of the run before can come late.
  if (!isCertain || !cancelled.isCertain) return ended('cancelled', 'natural');
  const deleted = await crew.ask('deleteRun', runId);
  if (!deleted.isCertain) return ended('gone');
  await sleep(third);
  const next = { ...context, life: 2, block: 0, ms: 300 };
  await start(next);
  return { ...ended('natural'), context: next };
}
