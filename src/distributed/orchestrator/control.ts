import { randomUUID } from 'node:crypto';
import { TimeoutError } from '../../kernel/errors.js';
import { invalid } from '../../shared/validate.js';
import type { Engine, RunChange } from '../contracts.js';
import { aText } from '../engines/texts.js';
import { RunStateError } from '../errors.js';
import { type Entry, type RunEntry, readEntry } from '../journal/entry.js';
import { pagesOf } from '../journal/pages.js';
import { concludeBeside } from '../run/conclude.js';
import { enqueueMissing, purgeJobs } from '../run/jobs.js';
import type { RunHandle } from '../run/run-handle.js';
import { activeStatuses, isFinished, type RunStatus } from '../run-info.js';

/** What can be done to a run: each is one entry of its journal, and what the queue has to know of it. */

export async function cancel({ queue }: Engine, handle: RunHandle, reason: string): Promise<void> {
  const becomes = { status: 'cancelled', error: reason } as const;
  const isDone = async () => {
    await handle.refresh();
    return handle.status === 'cancelled' && handle.record.error === reason;
  };
  await say(handle, { type: 'cancelled', reason }, activeStatuses, becomes, 'nothing is left to be cancelled', isDone);
  await purgeJobs(queue, handle);
}

export async function pause(handle: RunHandle): Promise<void> {
  if (handle.status === 'paused') return;
  const active = activeStatuses.filter((status) => status !== 'paused');
  await say(handle, { type: 'paused' }, active, { status: 'paused' }, 'nothing is left to be paused');
}

export async function resume(engine: Engine, handle: RunHandle): Promise<void> {
  if (isFinished(handle.status)) throw new RunStateError(handle.runId, handle.status, 'it can be retried, not resumed');
  if (handle.status === 'paused') {
    await say(handle, { type: 'resumed' }, ['paused'], { status: statusOf(handle) }, 'it can be retried, not resumed');
  }
  await enqueueAll(engine, handle);
  await concludeBeside(engine.queue, handle);
}

export async function retry(engine: Engine, handle: RunHandle): Promise<void> {
  const over = ['failed', 'cancelled', 'stalled'] as const;
  const isDone = async () =>
    !isFinished(handle.status) && (await hasEntry(engine, handle.runId, ({ type }) => type === 'retried'));
  await say(
    handle,
    { type: 'retried' },
    over,
    { status: statusOf(handle) },
    'only what has failed or was cut short can be retried',
    isDone,
  );
  // It has no deadline any more.
  await handle.refresh();
  await enqueueAll(engine, handle);
  await concludeBeside(engine.queue, handle);
}

/** A signal, its payload as text. */
interface Signal {
  readonly event: string;
  readonly payload: string;
  /** Those of a run with one id are one signal. */
  readonly id: string | undefined;
}

export async function signal(engine: Engine, handle: RunHandle, given: Signal): Promise<void> {
  const { event, payload, id } = given;
  checkEvent(handle, event);
  // It starts nothing that is on hold, or not due yet.
  const held = handle.status === 'paused' || handle.status === 'scheduled' ? handle.status : undefined;
  const becomes = { status: held ?? 'running' } as const;
  const during = held === undefined ? (['running', 'awaiting'] as const) : [held];
  const slot = id === undefined ? undefined : `i${id}`;
  const verdict = await commit(handle, { type: 'signal', event, payload, id }, during, becomes, slot);
  if (verdict === 'refused') {
    if (!isFinished(handle.status)) return signal(engine, handle, given);
    const isIt = (entry: Entry) => entry.type === 'signal' && entry.id === id;
    if (id !== undefined && (await hasEntry(engine, handle.runId, isIt))) return;
    throw new RunStateError(handle.runId, handle.status, 'nothing waits for signals any more');
  }
  // It has come before, and the run is over.
  if (isFinished(handle.status)) return;
  await enqueueAll(engine, handle);
  await concludeBeside(engine.queue, handle);
}

/** Why a run was cancelled. */
export function reasonOf(error: string | undefined, deadline: number | undefined): unknown {
  const timedOut = /^TimeoutError: "(.*)" timed out after (\d+) ms$/s.exec(error ?? '');
  if (deadline === undefined || timedOut === null) return new Error(error ?? 'cancelled');
  return new TimeoutError(timedOut[1] as string, Number(timedOut[2]));
}

/** How a run stands that goes on: one whose start is yet to come waits for its start. */
function statusOf({ record: { createdAt, startAt }, now }: RunHandle): RunStatus {
  return startAt > createdAt && startAt > now ? 'scheduled' : 'running';
}

/** @param isDone - if true, the run stands as was asked for: a call whose answer was lost was repeated. Default: never */
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

/** An entry of its own, also where the trip has to be repeated. */
function commit(
  handle: RunHandle,
  entry: RunEntry,
  during: readonly RunStatus[],
  becomes: RunChange | undefined,
  slot = `o${randomUUID()}`,
) {
  return handle.commit({ entry, during, becomes, slot, number: 1 });
}

/** If true, something has happened in a run. What happened long ago may not be kept any more. */
async function hasEntry({ checkpointStore }: Engine, runId: string, isIt: (entry: Entry) => boolean): Promise<boolean> {
  for await (const { entries } of pagesOf(checkpointStore, runId)) {
    if (entries.some(({ text }) => isIt(readEntry(text)))) return true;
  }
  return false;
}

/** Queues all that is to be done. What is in the queue already stays as it is. */
async function enqueueAll({ queue }: Engine, handle: RunHandle): Promise<void> {
  if (handle.status === 'paused') return;
  const items = [...handle.replica.ledger.values()].filter(({ job, parent }) => job !== undefined && job !== parent);
  await enqueueMissing(queue, handle, items);
}

/** An event that nothing can wait for is a mistake in its name. What sub-flows wait for is not known here. */
function checkEvent({ workflow: { plan } }: RunHandle, event: string): void {
  const isOpen = plan.nodes.some(({ uses }) => uses === 'subflow' || uses === 'batch');
  const events = plan.nodes.flatMap(({ id, uses, params }) =>
    uses === 'wait' ? [String(params?.event ?? id)] : uses === 'sleep' ? [id] : [],
  );
  if (events.includes(event)) return;
  if (isOpen) return void aText(event, 'event');
  throw invalid('event', `one that is waited for (${events.join(', ') || 'there is none'})`, event);
}
