import { channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { GroupRecord, ProcessRecord, TaskRecord } from './events.js';

/**
 * Every process and task of the program is published on `node:diagnostics_channel`, so that telemetry can watch
 * without being handed an orchestrator. A channel that nobody subscribes to costs one check.
 *
 * - `tracing:orchestrator:process:*`, messages are `ProcessRecord`s;
 * - `tracing:orchestrator:task:*`, messages are `TaskRecord`s;
 * - `tracing:orchestrator:group:*`, messages are `GroupRecord`s: what `parallel` and `map` have running side by side;
 * - `orchestrator:task:retry`, messages are `TaskRetryEvent`s;
 * - `orchestrator:hook:error`, messages are `HookErrorEvent`s: what hooks that only look threw.
 *
 * `*` are the five events of a `TracingChannel`: `start` and `end` around the synchronous part, `asyncStart` and
 * `asyncEnd` when the record is complete, `error` before them where it failed.
 */
export const processChannel = channelsOf<ProcessRecord>('orchestrator:process');
export const taskChannel = channelsOf<TaskRecord>('orchestrator:task');
export const groupChannel = channelsOf<GroupRecord>('orchestrator:group');
export const retryChannel = channel('orchestrator:task:retry');
export const hookErrorChannel = channel('orchestrator:hook:error');

/** A tracing channel that knows if it has subscribers. Bun's do not: there its five channels are asked. */
function channelsOf<Record extends object>(name: string): TracingChannel<Record> {
  const tracing = tracingChannel<Record>(name);
  if (tracing.hasSubscribers !== undefined) return tracing;
  const { start, end, asyncStart, asyncEnd, error } = tracing;
  const channels = [start, end, asyncStart, asyncEnd, error];
  const get = () => channels.some(({ hasSubscribers }) => hasSubscribers);
  return Object.defineProperty(tracing, 'hasSubscribers', { get });
}
