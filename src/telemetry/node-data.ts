import type { TaskRecord } from '../index.js';
import type { NodeData } from '../loops/index.js';

/** Returns the data that a loop passed to its node, if the task is a call of such a node. */
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
