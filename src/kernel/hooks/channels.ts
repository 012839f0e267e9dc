import { channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { GroupRecord, ProcessRecord, TaskRecord } from './events.js';

/**
 * Channels of `node:diagnostics_channel` that publish every process, task and group of the program, so telemetry can
 * observe them without access to an orchestrator. A channel without subscribers costs a single check.
 *
 * - `tracing:orchestrator:process:*`: messages are `ProcessRecord`s.
 * - `tracing:orchestrator:task:*`: messages are `TaskRecord`s.
 * - `tracing:orchestrator:group:*`: messages are `GroupRecord`s, for calls of `parallel`, `map` and `any` and
 *   iterations of `each`.
 * - `orchestrator:task:retry`: messages are `TaskRetryEvent`s.
 * - `orchestrator:task:replayed`: messages are `TaskReplayedEvent`s, published by `orchestrator/durable`.
 * - `orchestrator:hook:error`: messages are `HookErrorEvent`s, for errors of hooks that only observe.
 *
 * `*` stands for the five events of a `TracingChannel`: `start` and `end` around the synchronous part, `asyncStart` and
 * `asyncEnd` when the record is complete, and before them `error` if the work failed.
 */
export const processChannel = channelsOf<ProcessRecord>('orchestrator:process');
export const taskChannel = channelsOf<TaskRecord>('orchestrator:task');
export const groupChannel = channelsOf<GroupRecord>('orchestrator:group');
export const retryChannel = channel('orchestrator:task:retry');
export const hookErrorChannel = channel('orchestrator:hook:error');

/**
 * Creates a tracing channel with a working `hasSubscribers`. Bun's tracing channels lack this property, so on Bun the
 * five channels are checked instead.
 */
function channelsOf<Record extends object>(name: string): TracingChannel<Record> {
  const tracing = tracingChannel<Record>(name);
  if (tracing.hasSubscribers !== undefined) return tracing;
  const { start, end, asyncStart, asyncEnd, error } = tracing;
  const channels = [start, end, asyncStart, asyncEnd, error];
  const get = () => channels.some(({ hasSubscribers }) => hasSubscribers);
  return Object.defineProperty(tracing, 'hasSubscribers', { get });
}
