import { Position } from '../../flow/plan/index.js';
import { type Changes, type Codec, lastOf, outputOf, standing } from '../../flow/run/index.js';
import { cleaned } from '../../shared/text.js';
import type { RunChange } from '../contracts.js';
import type { Replica } from './replica.js';

/** The state from which a conclusion is drawn: the current state of a run, or its state after one more entry. */
interface View {
  readonly position: Position;
  /** A failed node that is not yet part of the replica, with its error as text. */
  readonly failed?: readonly [nodeId: string, error: string] | undefined;
  /** Returns the output of a node as text. */
  outputOf(nodeId: string): string | undefined;
}

/** The end of a node's execution. */
export type End =
  | { readonly type: 'failed'; readonly error: string }
  | (Changes & { readonly type: 'completed'; readonly output?: string | undefined });

const none: readonly number[] = [];

/** Maximum number of characters of a node id and of an error message in the error of a run. */
const longestId = 200;
export const longestReason = 500;

/** Returns the status of a run without remaining work, or `undefined` if work is left. */
export function conclusionOf(replica: Replica): RunChange | undefined {
  for (const { kind } of replica.ledger.values()) if (kind === 'node') return undefined;
  return conclude(replica, { position: replica.position, outputOf: (nodeId) => replica.values.get(nodeId) });
}

/**
 * Returns the status that the run would have if the end of `node` were its next entry. The last entry and the end of
 * the run can then be committed in one step. Returns `undefined` if the run would continue.
 *
 * The check needs a copy of the position, so it is made only if the run is likely to end.
 *
 * @param arcs - the outgoing arcs that are taken. Default: all
 */
export function conclusionAfter(
  replica: Replica,
  node: number,
  end: End,
  arcs?: readonly number[],
): RunChange | undefined {
  const { plan } = replica.position;
  const isLast = replica.ledger.size === 1 && replica.ledger.get(node) !== undefined && !replica.memory.has('awaiting');
  if (!isLast || plan.owners.has(node) || (end.type === 'completed' && leadsOn(replica, node, arcs))) return undefined;
  const position = new Position(plan, replica.position.save());
  position.take();
  if (end.type === 'failed') position.fail(node);
  else position.complete(node, arcs);
  if (position.hasReady) return undefined;
  const nodeId = plan.idOf(node);
  const [own, changes] = end.type === 'completed' ? [end.output, end] : [undefined, {}];
  return conclude(replica, {
    position,
    failed: end.type === 'failed' ? [nodeId, end.error] : undefined,
    outputOf: (id) => (id === nodeId ? own : replica.after(id, changes)),
  });
}

/** Returns the fallbacks that have completed but have not yet replaced a failed node. */
export function standInsOf(position: Position): readonly number[] {
  if (position.plan.owners.size === 0) return none;
  const found: number[] = [];
  for (const fallback of position.plan.owners.keys()) {
    if (position.statusOf(fallback) === 'completed' && position.recovered(fallback).length > 0) found.push(fallback);
  }
  return found;
}

function leadsOn({ position }: Replica, node: number, arcs: readonly number[] | undefined): boolean {
  const { outFrom } = position.plan;
  return arcs === undefined ? outFrom[node] !== outFrom[node + 1] : arcs.length > 0;
}

function conclude(replica: Replica, view: View): RunChange | undefined {
  const { position } = view;
  if (standInsOf(position).length > 0) return undefined;
  const { failures } = replica.memory;
  const own = [...failures].flatMap(([id, { cause }]) => (id === view.failed?.[0] ? [] : [[id, cause] as const]));
  if (view.failed !== undefined) own.push(view.failed);
  const failed = own.find(([nodeId]) => position.hasFailed(nodeId));
  const unreached = unreachedIn(position);
  const isDone = unreached === undefined;
  const status = standing({ waits: replica.memory.has('awaiting'), hasFailed: failed !== undefined, isDone });
  switch (status) {
    case 'awaiting':
      return { status };
    case 'failed':
      return { status, error: describe(replica, ...(failed as (typeof own)[number])) };
    case 'stalled':
      return { status, error: `nothing leads to "${cleaned(unreached as string, longestId)}" any more` };
    case 'completed':
      return { status, output: outputIn(replica, view) };
  }
}

/**
 * Returns a node that is not a fallback and was neither completed nor skipped. Returns `undefined` if there is no such
 * node.
 */
function unreachedIn(position: Position): string | undefined {
  const { plan } = position;
  for (let node = 0; node < plan.nodeCount; node++) {
    const status = position.statusOf(node);
    if (status !== 'completed' && status !== 'skipped' && !plan.owners.has(node)) return plan.idOf(node);
  }
  return undefined;
}

/** Describes which node has failed with which error, in enough detail to tell runs apart in a list. */
function describe({ origin: { codec } }: Replica, nodeId: string, error: string): string {
  const message = messageIn(codec, error);
  const why = message === '' ? '' : `: ${cleaned(message, longestReason)}`;
  return `node "${cleaned(nodeId, longestId)}" failed${why}`;
}

/**
 * Returns the message of an encoded error. A custom serializer may have stored plain text or nothing, or may throw now.
 */
function messageIn(codec: Codec, error: string): string {
  try {
    const kept = codec.decode(error);
    const { message = kept } = Object(kept) as { readonly message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}

/** Returns the output of the run as text. */
function outputIn({ origin: { codec } }: Replica, view: View): string | undefined {
  const last = lastOf(view.position, (nodeId) => view.position.isCompleted(nodeId));
  const together = (texts: Record<string, string | undefined>) => {
    const outputs = Object.entries(texts).map(([id, text]) => [id, codec.decodeMaybe(text, `output of node "${id}"`)]);
    return codec.encode(Object.fromEntries(outputs), 'output');
  };
  return outputOf<string | undefined>(last, (nodeId) => view.outputOf(nodeId), together);
}
