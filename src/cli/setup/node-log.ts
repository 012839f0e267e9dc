import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import type { NodeArgs } from '../../flow/index.js';
import type { TaskRecord, TaskRetryEvent } from '../../index.js';
import { formatDuration } from '../../shared/durations.js';
import { oneLine } from '../output/text.js';
import type { Log } from './log.js';

type NodeTask = Pick<NodeArgs, 'runId' | 'nodeId' | 'attempt'>;

const retryChannel = 'orchestrator:task:retry';

/**
 * Writes down what fails of the nodes that are executed in this program, and what is tried again, a line for each attempt.
 *
 * Where a queue sees to the next attempt, the task of this one is announced to be tried again, and then fails all the same:
 * it has as many announcements as attempts then, and was told of already.
 *
 * @returns a function that ends it
 */
export function logNodes(log: Log): () => void {
  const announced = new Map<string, number>();
  const onRetry = (message: unknown) => {
    const { id, args, name, attempt, delay, error } = message as TaskRetryEvent & Pick<TaskRecord, 'args'>;
    const node = nodeOf(args, name);
    if (node === undefined) return;
    announced.set(id, (announced.get(id) ?? 0) + 1);
    write(log, error, { ...node, attempt }, delay);
  };
  const onEnd = (message: unknown) => {
    const { id, args, name, attempts, status, error } = message as TaskRecord;
    const node = nodeOf(args, name);
    if (node === undefined) return;
    const told = announced.get(id) ?? 0;
    announced.delete(id);
    if (status === 'failed' && attempts > told) write(log, error, node);
  };
  const { asyncEnd } = tracingChannel('orchestrator:task');
  subscribe(retryChannel, onRetry);
  asyncEnd.subscribe(onEnd);
  return () => {
    unsubscribe(retryChannel, onRetry);
    asyncEnd.unsubscribe(onEnd);
  };
}

function write(log: Log, error: unknown, { runId, nodeId, attempt }: NodeTask, delay?: number): void {
  const what = delay === undefined ? 'failed' : `failed, again in ${formatDuration(delay)}`;
  const details = { runId, nodeId, attempt, ...(delay === undefined ? {} : { delay }) };
  log.warn(
    error,
    details,
    (message) => `run ${oneLine(runId)}, node ${oneLine(nodeId)}: attempt ${attempt} ${what}: ${message}`,
  );
}

/** What the node of a flow was called with, where a task is such a call. */
function nodeOf(args: readonly unknown[], name: string): NodeTask | undefined {
  const { runId, nodeId, attempt } = Object(args[1]) as Partial<NodeTask>;
  if (nodeId !== name || typeof runId !== 'string' || typeof attempt !== 'number') return undefined;
  return { runId, nodeId, attempt };
}
