import type { Engine } from '../contracts.js';
import { RunNotFoundError, WorkflowChangedError, WorkflowNotFoundError } from '../errors.js';
import { conclude } from '../run/conclude.js';
import { enqueueMissing } from '../run/jobs.js';
import { openRun } from '../run/run-handles.js';
import { isFinished } from '../run-info.js';
import type { Workflows } from '../workflows.js';

/** How many runs are looked at in one go. */
const most = 100;

/**
 * What somebody has to see to now and then: runs whose retention is over are removed; and runs in which nothing has
 * happened for a while get those of their jobs that the queue has lost, or was never given (whoever started the run died
 * in between).
 */
export async function maintain(
  engine: Engine,
  workflows: Workflows,
  idle: number,
  isStopping = () => false,
): Promise<void> {
  await removeExpired(engine, isStopping);
  for (const runId of await engine.runInfoStore.listIdle(idle, most)) await recover(engine, workflows, runId);
}

/** All of them: more may expire between two looks than are looked at in one go. */
async function removeExpired({ runInfoStore }: Engine, isStopping: () => boolean): Promise<void> {
  for (let first: string | undefined; !isStopping(); ) {
    const runIds = await runInfoStore.listExpired(most);
    // What is still there after it was removed would be there for ever.
    if (runIds.length === 0 || runIds[0] === first) return;
    first = runIds[0];
    await Promise.all(runIds.map((runId) => runInfoStore.deleteRun(runId)));
  }
}

/** Queues what is to be done in a run. What is in the queue already stays as it is. */
async function recover(engine: Engine, workflows: Workflows, runId: string): Promise<void> {
  try {
    const handle = await openRun(engine, workflows, runId);
    if (isFinished(handle.status) || handle.status === 'paused') return;
    const items = [...handle.replica.ledger.values()].filter(({ job }) => job !== undefined);
    await enqueueMissing(engine.queue, handle, items);
    if (items.length === 0 && handle.status === 'running') await conclude(handle);
  } catch (error) {
    // Others know the workflow, or have removed the run.
    const isForOthers = error instanceof WorkflowNotFoundError || error instanceof WorkflowChangedError;
    if (!isForOthers && !(error instanceof RunNotFoundError)) throw error;
  }
}
