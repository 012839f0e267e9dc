import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { GroupRecord, ProcessRecord, TaskRecord } from './events.js';

/**
 * Every process and task of the program is published on `node:diagnostics_channel`, so that telemetry can watch
 * without being handed an orchestrator. A channel that nobody subscribes to costs one check.
 *
 * - `tracing:orchestrator:process:*`, messages are `ProcessRecord`s;
 * - `tracing:orchestrator:task:*`, messages are `TaskRecord`s;
 * - `tracing:orchestrator:group:*`, messages are `GroupRecord`s: what `parallel` and `map` have running side by side;
 * - `orchestrator:task:retry`, messages are `TaskRetryEvent`s.
 *
 * `*` are the five events of a `TracingChannel`: `start` and `end` around the synchronous part, `asyncStart` and
 * `asyncEnd` when the record is complete, `error` before them where it failed.
 */
export const processChannel = tracingChannel<ProcessRecord>('orchestrator:process');
export const taskChannel = tracingChannel<TaskRecord>('orchestrator:task');
export const groupChannel = tracingChannel<GroupRecord>('orchestrator:group');
export const retryChannel = channel('orchestrator:task:retry');
