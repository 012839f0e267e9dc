import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import type { NodeArgs } from '../../flow/index.js';
import type { TaskRecord, TaskRetryEvent } from '../../index.js';
import { formatDuration } from '../../shared/durations.js';
import { oneLine } from '../output/text.js';
import type { CommandLog } from './command-log.js';

type NodeTask = Pick<NodeArgs, 'runId' | 'nodeId' | 'attempt'>;

const retryChannel = 'orchestrator:task:retry';

/**
 * Logs failed and retried attempts of the nodes that this program executes, one line per attempt.
 *
 * If a queue schedules the next attempt, the task of the current attempt first announces the retry and then fails. Such
 * a task has as many announcements as attempts, and its failure is not logged again.
 *
 * @returns a function that stops the log
 */
export function logNodes(log: CommandLog): () => void {
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

function write(log: CommandLog, error: unknown, { runId, nodeId, attempt }: NodeTask, delay?: number): void {
  const what = delay === undefined ? 'failed' : `failed, again in ${formatDuration(delay)}`;
  const details = { runId, nodeId, attempt, ...(delay === undefined ? {} : { delay }) };
  log.warn(
    error,
    details,
    (message) => `run ${oneLine(runId)}, node ${oneLine(nodeId)}: attempt ${attempt} ${what}: ${message}`,
  );
}

/** The arguments of a node, if the task is the execution of a node. */
function nodeOf(args: readonly unknown[], name: string): NodeTask | undefined {
  const { runId, nodeId, attempt } = Object(args[1]) as Partial<NodeTask>;
  if (nodeId !== name || typeof runId !== 'string' || typeof attempt !== 'number') return undefined;
  return { runId, nodeId, attempt };
}
