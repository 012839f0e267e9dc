import { type Definition, isSeen, perform } from '../../action.js';
import { map } from '../../parallel.js';
import { type AnyFunction, invalid } from '../../validate.js';
import { ActionResult } from '../node-result.js';
import { NodeCall } from './node-call.js';
import { Suspension } from './node-executor.js';
import type { Source } from './paths.js';
import { innerWork } from './work.js';

/** What a batch is made of. */
export interface Batch {
  /** What handles an item: a task for each. */
  readonly worker: Definition;
  /** Where the items come from. Default: the node's input. */
  readonly items: Source | undefined;
  readonly concurrency: number | undefined;
  readonly failFast: boolean | undefined;
}

/** Scatter and gather as the work of a node: a task for each item, the outputs in order. An item that is done is not repeated. */
export function batchOf({ worker, items, concurrency, failFast }: Batch): AnyFunction {
  return innerWork(async (input, call) => {
    const list = items === undefined ? input : items(call.context, call.params);
    if (!Array.isArray(list)) throw invalid(`the items of "${call.nodeId}"`, 'an array', list);
    const waiting: Suspension[] = [];
    const handle = async ([index, item]: [number, unknown]) => {
      const done = call.state.items.get(call.nodeId);
      if (done?.has(index)) return done.get(index);
      const { node, state, visit, settings } = call;
      const own = new NodeCall(node, item, state, visit, settings, index, call.own);
      const returned = await perform(worker, [item, isSeen(worker.core) ? own.args : own]);
      if (returned instanceof Suspension) return waiting.push(returned);
      const output = returned instanceof ActionResult ? returned.output : returned;
      await keep(call, index, output);
      return output;
    };
    // Who watches groups sees this one under the name of its tasks.
    Object.defineProperty(handle, 'name', { value: worker.name });
    const outputs = await map(worker.core, list.entries(), handle, { concurrency, failFast });
    return waiting.length > 0 ? new Suspension(waiting.flatMap(({ awaiting }) => awaiting)) : outputs;
  });
}

async function keep({ state, nodeId }: NodeCall, index: number, output: unknown): Promise<void> {
  const kept = state.handedOut(output);
  const apply = () => {
    const items = state.items.get(nodeId) ?? new Map<number, unknown>();
    state.items.set(nodeId, items.set(index, kept));
  };
  if (state.journal === undefined) apply();
  else await state.journal.append({ type: 'item', nodeId, index, output: kept }, apply);
}
