import { channel } from 'node:diagnostics_channel';
import { failureOf } from '../../kernel/errors.js';
import type { WorkflowResult, WorkflowStatus } from './result.js';

/**
 * The end of a run of a flow, published on the `node:diagnostics_channel` named `orchestrator:run:end` by the program
 * that ended the run. A run in process also ends when it waits for an external event (`awaiting`) or is stuck
 * (`stalled`); a run on a fleet does not. Nothing is published if the program is killed right after the end of the run,
 * or if `cancel` rejects with an `EngineError`.
 */
export interface RunEndEvent {
  /** Id of the run. */
  readonly runId: string;
  /** Id of the flow. */
  readonly workflow: string;
  /** The status that the run ended with. */
  readonly status: WorkflowStatus;
  /**
   * Milliseconds from the start of the run. For a run on a fleet, measured from the time at which the run was due to
   * start.
   */
  readonly duration: number;
  /** The reason why the run did not complete, as text; `undefined` if the run completed. */
  readonly error: string | undefined;
  /** The name of the fleet's engine; `undefined` if the run was executed in process. */
  readonly engine: string | undefined;
}

export const runEndChannel = channel('orchestrator:run:end');

/** Runs `work` and publishes the end of its run. Publishes nothing if there was no subscriber when the run started. */
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
