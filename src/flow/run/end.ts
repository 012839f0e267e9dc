import { channel } from 'node:diagnostics_channel';
import { failureOf } from '../../kernel/errors.js';
import type { WorkflowResult, WorkflowStatus } from './result.js';

/**
 * The end of a run of a flow, as it is published on the `node:diagnostics_channel` named `orchestrator:run:end`: once for
 * each run, by the program that ended it. A run in process also ends where it waits for something outside (`awaiting`), or
 * is stuck (`stalled`); a run on a fleet does not. A program that is killed between the end of a run and its publication
 * publishes nothing, and nor does a `cancel` that rejects with an `EngineError`.
 */
export interface RunEndEvent {
  readonly runId: string;
  /** Id of the flow. */
  readonly workflow: string;
  readonly status: WorkflowStatus;
  /** From its start, or from when it was to start on a fleet, in milliseconds. */
  readonly duration: number;
  /** The reason of a run that did not complete, as text. */
  readonly error: string | undefined;
  /** Name of the engine of a fleet. Default: a run in process has none. */
  readonly engine: string | undefined;
}

export const runEndChannel = channel('orchestrator:run:end');

/** Publishes the end of a run in process, if anybody listens when it begins. */
export async function published(
  run: Pick<RunEndEvent, 'runId' | 'workflow'>,
  work: () => Promise<WorkflowResult>,
): Promise<WorkflowResult> {
  if (!runEndChannel.hasSubscribers) return work();
  const began = performance.now();
  const publish = (status: WorkflowStatus, error: string | undefined) => {
    const event: RunEndEvent = { ...run, status, duration: performance.now() - began, error, engine: undefined };
    runEndChannel.publish(event);
  };
  try {
    const result = await work();
    publish(result.status, reasonOf(result));
    return result;
  } catch (thrown) {
    publish('failed', failureOf(thrown, run.workflow).message);
    throw thrown;
  }
}

function reasonOf({ errors, reason, unreached }: WorkflowResult): string | undefined {
  if (reason !== undefined) return failureOf(reason, 'the run').message;
  return errors.find(({ recoveredBy }) => recoveredBy === undefined)?.message ?? unreached[0]?.reason;
}
