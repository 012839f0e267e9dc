import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import type { GroupRecord, ProcessRecord, TaskRecord, TaskRetryEvent } from '../index.js';
import { messageOf } from '../shared/terminal-text.js';
import type { Ended } from './model/counts.js';
import type { Model } from './model/model.js';
import { type Retry, retryOf } from './model/retry.js';
import type { Activity, AnyRecord, Kind } from './model/tally.js';

const retryChannel = 'orchestrator:task:retry';

/** A predicate that selects the processes to show, with everything inside them. */
export type Filter = (process: ProcessRecord) => boolean;

/**
 * Fills the model from the diagnostics channels for processes, tasks and groups.
 *
 * A record names its process, but not the task or group that called it. An `AsyncLocalStorage` supplies the caller. Its
 * value is used only if it belongs to the same process and is still running, because a context may outlive its work.
 *
 * @param filter - selects processes; a filter that throws hides the process. Default: all processes are shown
 * @returns a function that unsubscribes from all channels
 */
export function watch(model: Model, filter?: Filter): () => void {
  const around = new AsyncLocalStorage<Activity | undefined>();
  const processes = new Map<string, Activity>();
  const underWay = new Map<AnyRecord, Activity>();

  const begin = (kind: Kind, record: AnyRecord, outer: Activity | undefined) => {
    const activity = model.begin(kind, record, outer, performance.now());
    underWay.set(record, activity);
    return activity;
  };
  const enclosing = (processId: string) => {
    const activity = around.getStore();
    const isOurs = activity?.hasEnded === false && activity.processId === processId;
    return isOurs ? activity : processes.get(processId);
  };
  const beginProcess = (record: ProcessRecord) => {
    const outer = record.parentId === undefined ? undefined : enclosing(record.parentId);
    if (outer === undefined && !passes(filter, record)) return undefined;
    const activity = begin('process', record, outer);
    processes.set(record.id, activity);
    return activity;
  };
  const beginIn = (kind: Kind, record: TaskRecord | GroupRecord) => {
    const outer = enclosing(record.processId);
    // The process began before progress was shown, so the filter cannot be applied to its record.
    if (outer === undefined && filter !== undefined) return undefined;
    return begin(kind, record, outer);
  };
  const retry = (message: unknown) => {
    const event = message as TaskRetryEvent;
    const activity = around.getStore();
    const { number } = Object(activity?.record) as Partial<TaskRecord>;
    if (activity?.processId !== event.processId || number !== event.number) return;
    model.retry(activity, retryOf(event, messageOf(event.error), performance.now()));
  };
  const end = (message: unknown) => {
    const record = message as AnyRecord;
    const activity = underWay.get(record);
    if (activity === undefined) return;
    underWay.delete(record);
    if (activity.kind === 'process' && processes.get(activity.processId) === activity) {
      processes.delete(activity.processId);
    }
    model.end(activity, endOf(record, activity.retry), performance.now());
  };

  const channels = [
    bound<ProcessRecord>('orchestrator:process', around, beginProcess, end),
    bound<TaskRecord>('orchestrator:task', around, (record) => beginIn('task', record), end),
    bound<GroupRecord>('orchestrator:group', around, (record) => beginIn(record.kind, record), end),
  ];
  subscribe(retryChannel, retry);
  return () => {
    for (const unbind of channels) unbind();
    unsubscribe(retryChannel, retry);
  };
}

/** Subscribes to a tracing channel, and makes each activity the context of everything that runs inside it. */
function bound<Record extends object>(
  name: string,
  around: AsyncLocalStorage<Activity | undefined>,
  begin: (record: Record) => Activity | undefined,
  end: (record: unknown) => void,
): () => void {
  const channel = tracingChannel<Activity | undefined, Record>(name);
  channel.start.bindStore(around, begin);
  channel.asyncEnd.subscribe(end);
  return () => {
    channel.start.unbindStore(around);
    channel.asyncEnd.unsubscribe(end);
  };
}

function passes(filter: Filter | undefined, record: ProcessRecord): boolean {
  try {
    return filter === undefined || filter(record);
  } catch {
    return false;
  }
}

function endOf(record: AnyRecord, retry: Retry | undefined): Ended {
  const { status, error } = record;
  return {
    // If the thrown value throws when it is inspected, the record may still say `running`.
    status: status === 'running' ? 'failed' : status,
    duration: 'totalDuration' in record ? record.totalDuration : record.duration,
    // A task that is aborted while it waits for a retry has not begun that attempt.
    retries: 'attempts' in record ? Math.max(0, record.attempts - 1, retry?.attempt ?? 0) : 0,
    problem: status === 'completed' ? undefined : messageOf(error),
  };
}
