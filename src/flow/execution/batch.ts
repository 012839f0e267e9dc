import { type Definition, isSeen, perform } from '../../kernel/actions/action.js';
import { map } from '../../kernel/groups/parallel.js';
import { type AnyFunction, invalid } from '../../shared/validate.js';
import { ActionResult } from '../node-result.js';
import type { Changes } from '../run/changes.js';
import type { Ground } from '../run/state.js';
import { NodeCall } from './node-call.js';
import { Suspension, within } from './node-executor.js';
import type { Source } from './paths.js';
import { innerWork } from './work.js';

/** The settings of a batch. */
export interface Batch {
  /** The action that handles an element. Each element is a task. */
  readonly worker: Definition;
  /** Reads the array of elements. Default: the input of the node. */
  readonly items: Source | undefined;
  readonly concurrency: number | undefined;
  readonly failFast: boolean | undefined;
}

/**
 * Makes the work of a batch node: one task for each element. The node's output is an array of the outputs, in the order
 * of the elements. Completed elements are not repeated when the node is tried again.
 */
export function batchOf({ worker, items, concurrency, failFast }: Batch): AnyFunction {
  return innerWork(async (input, call) => {
    const list = items === undefined ? input : items(call.context, call.params);
    if (!Array.isArray(list)) throw invalid(`the items of "${call.nodeId}"`, 'an array', list);
    const waiting: Suspension[] = [];
    const ground = groundOf(call);
    const { memory } = call.state;
    for (const changes of memory.itemChanges.get(call.nodeId)?.values() ?? [])
      ground?.view.merge(changes, ground.merges);
    const handle = async ([index, item]: [number, unknown]) => {
      const done = memory.items.get(call.nodeId);
      if (done?.has(index)) return done.get(index);
      const { node, state, visit, settings } = call;
      const view = ground?.view.layer();
      const seen = view && { view, inputOf: undefined, isTaken: true, tried: undefined };
      const own = new NodeCall(node, item, state, visit, settings, index, seen);
      const work = () => perform(worker, [item, isSeen(worker.core) ? own.args : own]);
      const returned = await (seen === undefined ? work() : within(own, work));
      if (returned instanceof Suspension) return waiting.push(returned);
      const output = returned instanceof ActionResult ? returned.output : returned;
      await keep(call, index, output, ground, view?.changes());
      return output;
    };
    // Subscribers to groups see this group under the name of its tasks.
    Object.defineProperty(handle, 'name', { value: worker.name });
    const outputs = await map(worker.core, list.entries(), handle, { concurrency, failFast });
    return waiting.length > 0 ? new Suspension(waiting.flatMap(({ awaiting }) => awaiting)) : outputs;
  });
}

/** Returns the view that the elements' own views are layered on, if nodes of the run have views. */
function groundOf({ own, state }: NodeCall): Ground | undefined {
  const { saved } = state.data;
  return own === undefined || saved === undefined ? state.ground : { view: own.view, merges: saved.merges };
}

/** Records a completed element: its output and its changes to the context, which become changes of the node. */
async function keep(
  { state, nodeId }: NodeCall,
  index: number,
  output: unknown,
  ground: Ground | undefined,
  changed: Changes | undefined,
): Promise<void> {
  const kept = state.data.handedOut(output);
  const changes = changed !== undefined && Object.keys(changed).length > 0 ? changed : undefined;
  const happening = { type: 'item', nodeId, index, output: kept, ...(changes && { changes }) } as const;
  if (state.journal === undefined) state.memory.apply(happening);
  else await state.journal.append(happening);
  if (changes !== undefined) ground?.view.merge(changes, ground.merges);
}
