import { type RunEndEvent, runEndChannel } from '../../flow/run/index.js';
import type { CommitAnswer, RunChange } from '../contracts.js';
import type { RunRecord } from '../run-info.js';
import type { Judged } from './batches.js';

/**
 * Publishes the end of a run if a commit of the batch ended it. The commit may have ended the run in an earlier call,
 * whose answer was lost.
 */
export function publishEnd(
  { runId, workflow, startAt }: RunRecord,
  engine: string,
  { status, now, entries = [] }: CommitAnswer,
  judged: readonly Judged[],
): void {
  const last = entries.at(-1)?.text;
  const ending = judged.findLast(({ waiting: { entry, commit }, verdict }) => {
    // An entry that names its worker can equal the last entry only if this worker wrote the last entry.
    const isDone = typeof verdict === 'number' || ('worker' in entry && commit.text === last);
    return isDone && (commit.becomes ?? commit.becomesIfNext)?.status === status;
  })?.waiting;
  if (ending?.within === undefined) return;
  const { error } = (ending.commit.becomes ?? ending.commit.becomesIfNext) as RunChange;
  const event = { runId, workflow, status, duration: now - startAt, error, engine } as RunEndEvent;
  ending.within(() => runEndChannel.publish(event));
}
