import type { TaskRecord } from '../index.js';
import type { NodeData } from '../loops/index.js';

/** What the node of a loop was called with, where a task is such a call. */
export function nodeDataOf({ args, name }: Pick<TaskRecord, 'args' | 'name'>): NodeData | undefined {
  const data = args[1] as Partial<NodeData> | null | undefined;
  if (typeof data !== 'object' || data === null) return undefined;
  const isNodeData =
    data.nodeId === name &&
    typeof data.loopId === 'string' &&
    typeof data.iteration === 'number' &&
    Array.isArray(data.messages);
  return isNodeData ? (data as NodeData) : undefined;
}
