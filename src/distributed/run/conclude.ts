import { concludedBy } from '../../flow/execution/index.js';
import { type Cancellation, untilAborted } from '../../kernel/cancellation.js';
import { cleaned } from '../../shared/text.js';
import type { RunChange, WorkQueue } from '../contracts.js';
import { conclusionOf, longestReason } from '../journal/conclusion.js';
import { isFinished } from '../run-info.js';
import { lookJobOf, purgeDeadline } from './jobs.js';
import type { Patience } from './patience.js';
import type { RunHandle } from './run-handle.js';

/**
 * Records the final status of a run without remaining work, or records that the run waits, unless the last entry of the
 * run has already done so.
 *
 * @param patience - retries while the engine fails. Default: no retries
 * @returns `nothing to say` if the run has work left, its status is already right, or its output has a schema that only
 *   workers know; `overtaken` if another entry was committed in the meantime
 */
export async function conclude(
  handle: RunHandle,
  patience?: Patience,
): Promise<'nothing to say' | 'concluded' | 'overtaken'> {
  const change = conclusionOf(handle.replica);
  const { seq: since } = handle.replica;
  if (change === undefined || change.status === handle.status || lacksCode(handle, change)) return 'nothing to say';
  const becomes = await withCheckedOutput(handle, change, patience?.until);
  if (becomes === undefined) return 'overtaken';
  const entry = { type: 'concluded', status: becomes.status } as const;
  const during = ['running', 'scheduled'] as const;
  const verdict = await handle.commit({ entry, during, onlyIfNext: true, becomes, patience, since });
  return verdict === 'refused' ? 'overtaken' : 'concluded';
}

/**
 * Like `conclude`, but for callers that hold no job of the run. Also removes the job of the deadline if the run has
 * ended. If only a worker can check the output, queues a job for a worker.
 */
export async function concludeBeside(queue: WorkQueue, handle: RunHandle): Promise<void> {
  await conclude(handle);
  const change = conclusionOf(handle.replica);
  if (change !== undefined && !isFinished(handle.status) && lacksCode(handle, change)) {
    await queue.enqueue([lookJobOf(handle.replica, handle.record)]);
  }
  if (isFinished(handle.status)) await purgeDeadline(queue, handle.record);
}

/** Returns true if the run is completed, but the schema of its output is not known here. */
function lacksCode({ workflow: { hasCode, schemas } }: RunHandle, { status }: RunChange): boolean {
  return status === 'completed' && !hasCode && schemas.output !== undefined;
}

/**
 * Applies the schema of the output to a run that is about to be completed. If the schema refuses the output, or the value
 * that it returns cannot be serialized or is too large, the run fails instead. Returns `undefined` if aborted before.
 */
async function withCheckedOutput(
  { workflow, codec, payloads }: RunHandle,
  change: RunChange,
  until?: Cancellation,
): Promise<RunChange | undefined> {
  const schema = workflow.schemas.output;
  if (schema === undefined || change.status !== 'completed') return change;
  const deciding = concludedBy(
    schema,
    () => codec.decodeMaybe(change.output, 'output'),
    (checked) => (checked === undefined ? undefined : payloads.encode(checked, 'output')),
  );
  const ended = until === undefined ? deciding : untilAborted(until, deciding, () => {});
  // An aborted worker leaves the decision to another one.
  const conclusion = await Promise.resolve(ended as typeof deciding).catch(() => undefined);
  if (conclusion === undefined) return undefined;
  if (conclusion.status === 'completed') return { ...change, ...conclusion };
  return { status: 'failed', error: cleaned((conclusion.reason as Error).message, longestReason) };
}
