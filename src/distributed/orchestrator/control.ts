import { randomUUID } from 'node:crypto';
import { eventOf } from '../../flow/plan/index.js';
import { digestOf, isSentAgain } from '../../flow/run/index.js';
import { TimeoutError } from '../../kernel/errors.js';
import { invalid } from '../../shared/validate.js';
import type { RunChange } from '../contracts.js';
import { aText } from '../engines/texts.js';
import { RunStateError } from '../errors.js';
import { type Entry, type RunEntry, readEntry } from '../journal/entry.js';
import { pagesOf } from '../journal/pages.js';
import type { SignalOutcome } from '../journal/signals.js';
import { concludeBeside } from '../run/conclude.js';
import { enqueueMissing, purgeJobs, purgeTimers } from '../run/jobs.js';
import type { RunHandle } from '../run/run-handle.js';
import { activeStatuses, isFinished, type RunStatus } from '../run-info.js';

// Operations on a run. A change of the status is first committed to the journal; then the queue is updated if necessary.

export async function cancel(handle: RunHandle, reason: string): Promise<void> {
  const becomes = { status: 'cancelled', error: reason } as const;
  const isDone = async () => {
    await handle.refresh();
    return handle.status === 'cancelled' && handle.record.error === reason;
  };
  await say(
    handle,
    { type: 'cancelled', reason },
    activeStatuses,
    becomes,
    'only a run that has not ended can be cancelled',
    isDone,
  );
  await purgeJobs(handle.engine.queue, handle);
}

export async function pause(handle: RunHandle): Promise<void> {
  if (handle.status === 'paused') return;
  const active = activeStatuses.filter((status) => status !== 'paused');
  await say(handle, { type: 'paused' }, active, { status: 'paused' }, 'only a run that has not ended can be paused');
}

export async function resume(handle: RunHandle): Promise<void> {
  if (isFinished(handle.status))
    throw new RunStateError(
      handle.runId,
      handle.status,
      'only a run that has not ended can be resumed: call retry() for one that failed',
    );
  if (handle.status === 'paused') {
    await say(
      handle,
      { type: 'resumed' },
      ['paused'],
      { status: statusOf(handle) },
      'only a run that has not ended can be resumed: call retry() for one that failed',
    );
  }
  await enqueueAll(handle);
  await concludeBeside(handle.engine.queue, handle);
}

export async function retry(handle: RunHandle): Promise<void> {
  const over = ['failed', 'cancelled', 'stalled'] as const;
  const isDone = async () => !isFinished(handle.status) && (await hasEntry(handle, ({ type }) => type === 'retried'));
  await say(
    handle,
    { type: 'retried' },
    over,
    { status: statusOf(handle) },
    'only a run that failed, stalled or was cancelled can be retried',
    isDone,
  );
  // Reads the record again, because a retried run has no deadline.
  await handle.refresh();
  await enqueueAll(handle);
  await concludeBeside(handle.engine.queue, handle);
}

/** A signal with its payload as text. */
interface Signal {
  readonly event: string;
  readonly payload: string;
  /** If true, the schema of the event, which may convert the payload, is still to be applied by a worker. */
  readonly unchecked?: true | undefined;
  /** The digest of the payload as it was sent, if the schema of the event has converted it. */
  readonly sent?: string | undefined;
  /** The caller's id for the signal. Signals of a run with equal ids count as one. */
  readonly id: string | undefined;
}

export async function signal(handle: RunHandle, given: Signal): Promise<SignalOutcome> {
  // A signal without an id gets one, by which a repeated call to the engine finds its answer.
  const outcome = await send(handle, given, given.id ?? randomUUID());
  if (outcome !== 'too-late' || given.id !== undefined) return outcome;
  const { event, payload, sent = digestOf(payload) } = given;
  return isSentAgain(handle.replica.memory, event, sent) ? 'duplicate' : outcome;
}

async function send(handle: RunHandle, given: Signal, id: string): Promise<SignalOutcome> {
  const { event, payload, unchecked, sent } = given;
  const answer = () => handle.replica.answerTo(id) ?? 'duplicate';
  const again = () => (given.id === undefined ? answer() : 'duplicate');
  // A signal neither resumes a paused run nor starts a scheduled one.
  const held = handle.status === 'paused' || handle.status === 'scheduled' ? handle.status : undefined;
  const becomes = { status: held ?? 'running' } as const;
  const during = held === undefined ? (['running', 'awaiting'] as const) : [held];
  const entry = { type: 'signal', event, payload, id, unchecked, sent } as const;
  const verdict = await commit(handle, entry, during, becomes, `i${id}`);
  if (verdict === 'refused') {
    if (!isFinished(handle.status)) return send(handle, given, id);
    const isIt = (entry: Entry) => entry.type === 'signal' && entry.id === id;
    return (await hasEntry(handle, isIt)) ? again() : 'too-late';
  }
  const outcome = verdict === 'duplicate' ? again() : answer();
  if (isFinished(handle.status)) return outcome;
  await enqueueAll(handle);
  await purgeTimers(handle.engine.queue, handle);
  await concludeBeside(handle.engine.queue, handle);
  return outcome;
}

/**
 * Returns the reason why a run was cancelled, as an error. If the deadline of the run has passed, the error is a
 * `TimeoutError`.
 */
export function reasonOf(error: string | undefined, deadline: number | undefined): unknown {
  const timedOut = /^TimeoutError: "(.*)" timed out after (\d+) ms$/s.exec(error ?? '');
  if (deadline === undefined || timedOut === null) return new Error(error ?? 'cancelled');
  return new TimeoutError(timedOut[1] as string, Number(timedOut[2]));
}

/**
 * Returns the status of a run that is resumed or retried: `scheduled` if its start is still to come, otherwise
 * `running`.
 */
function statusOf({ record: { createdAt, startAt }, now }: RunHandle): RunStatus {
  return startAt > createdAt && startAt > now ? 'scheduled' : 'running';
}

/**
 * Commits an entry that changes the status of a run.
 *
 * @param otherwise - the end of the error message if the status does not allow the entry
 * @param isDone - returns true if the run already has the requested status, because an earlier call whose answer was
 *   lost has succeeded. Default: always false
 */
async function say(
  handle: RunHandle,
  entry: RunEntry,
  during: readonly RunStatus[],
  becomes: RunChange,
  otherwise: string,
  isDone: () => Promise<boolean> = async () => false,
): Promise<void> {
  const verdict = await commit(handle, entry, during, becomes);
  if (verdict === 'refused' && !(await isDone())) throw new RunStateError(handle.runId, handle.status, otherwise);
}

/** Commits an entry. Its slot ensures that the entry is added only once, even if the call to the engine is repeated. */
function commit(
  handle: RunHandle,
  entry: RunEntry,
  during: readonly RunStatus[],
  becomes: RunChange | undefined,
  slot = `o${randomUUID()}`,
) {
  return handle.commit({ entry, during, becomes, slot, number: 1 });
}

/** Returns true if the journal contains a matching entry. Old entries may have been dropped. */
async function hasEntry({ engine, runId }: RunHandle, isIt: (entry: Entry) => boolean): Promise<boolean> {
  for await (const { entries } of pagesOf(engine.checkpointStore, runId)) {
    if (entries.some(({ text }) => isIt(readEntry(text)))) return true;
  }
  return false;
}

/** Queues the jobs of all work items of a run. Jobs that are already in the queue are left unchanged. */
async function enqueueAll(handle: RunHandle): Promise<void> {
  if (handle.status === 'paused') return;
  const items = [...handle.replica.ledger.values()].filter(({ job, parent }) => job !== undefined && job !== parent);
  await enqueueMissing(handle.engine.queue, handle, items);
}

/**
 * Checks that a node of the workflow waits for the event. If the workflow has sub-flows or batches, every name is
 * accepted, because sub-flows and batches may wait for any event.
 */
export function checkEvent({ workflow: { plan } }: RunHandle, event: string): void {
  const isOpen = plan.nodes.some(({ uses }) => uses === 'subflow' || uses === 'batch');
  const events = plan.nodes.flatMap((node) => eventOf(node) ?? []);
  if (events.includes(event)) return;
  if (isOpen) return void aText(event, 'event');
  throw invalid('event', `an event that the workflow waits for (${events.join(', ') || 'it waits for none'})`, event);
}
