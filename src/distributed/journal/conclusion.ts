import { Position } from '../../flow/plan/position.js';
import type { Codec } from '../../flow/run/codec.js';
import type { Changes } from '../../flow/run/context-view.js';
import { lastOf } from '../../flow/run/summary.js';
import { cleaned } from '../../shared/text.js';
import type { RunChange } from '../contracts.js';
import type { Replica } from './replica.js';

/** What is looked at: a run as it is, or as it would be. */
interface View {
  readonly position: Position;
  /** A node that has failed, besides those that the replica knows of, and its error as text. */
  readonly failed?: readonly [nodeId: string, error: string] | undefined;
  /** The output of a node, as text. */
  outputOf(nodeId: string): string | undefined;
}

/** How a node ends. */
export type End =
  | { readonly type: 'failed'; readonly error: string }
  /** `arcs` are those that are taken; `undefined` for all. */
  | (Changes & {
      readonly type: 'completed';
      readonly arcs: readonly number[] | undefined;
      readonly output: string | undefined;
    });

const none: readonly number[] = [];

/** How many characters of a node's id, and of an error's message, are told of a run. */
const longestId = 200;
export const longestReason = 500;

/** How a run stands that has nothing more to do; `undefined` while it has. */
export function conclusionOf(replica: Replica): RunChange | undefined {
  for (const { kind } of replica.ledger.values()) if (kind === 'node') return undefined;
  return conclude(replica, { position: replica.position, outputOf: (nodeId) => replica.values.get(nodeId) });
}

/**
 * How the run would stand if a node's end were its next entry, so that the last entry and the end of the run are one step.
 * Only looked at where that is likely, since it needs a copy of the position.
 */
export function conclusionAfter(replica: Replica, node: number, end: End): RunChange | undefined {
  const { plan } = replica.position;
  const isLast = replica.ledger.size === 1 && replica.ledger.get(node) !== undefined && replica.awaiting.size === 0;
  if (!isLast || plan.owners.has(node) || (end.type === 'completed' && leadsOn(replica, node, end.arcs)))
    return undefined;
  const position = new Position(plan, replica.position.save());
  position.take();
  if (end.type === 'failed') position.fail(node);
  else position.complete(node, end.arcs);
  if (position.hasReady) return undefined;
  const nodeId = plan.idOf(node);
  const [own, changes] = end.type === 'completed' ? [end.output, end] : [undefined, {}];
  return conclude(replica, {
    position,
    failed: end.type === 'failed' ? [nodeId, end.error] : undefined,
    outputOf: (id) => (id === nodeId ? own : replica.after(id, changes)),
  });
}

/** Fallbacks that have completed, and have not yet stood in for a node that failed. */
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
  const { position, failed } = view;
  const { plan } = position;
  if (standInsOf(position).length > 0) return undefined;
  if (replica.awaiting.size > 0) return { status: 'awaiting' };
  const failures = [...replica.failures].map(([nodeId, { error }]) => [nodeId, error] as const);
  for (const [nodeId, error] of failed === undefined ? failures : [failed]) {
    if (position.hasFailed(nodeId)) return { status: 'failed', error: describe(replica, nodeId, error) };
  }
  for (let node = 0; node < plan.nodeCount; node++) {
    const status = position.statusOf(node);
    if (status === 'completed' || status === 'skipped' || plan.owners.has(node)) continue;
    return { status: 'stalled', error: `nothing leads to "${cleaned(plan.idOf(node), longestId)}" any more` };
  }
  return { status: 'completed', output: outputOf(replica, view) };
}

/** Which node has failed, and with what: enough to tell runs apart in a list. */
function describe({ origin: { codec } }: Replica, nodeId: string, error: string): string {
  const message = messageIn(codec, error);
  const why = message === '' ? '' : `: ${cleaned(message, longestReason)}`;
  return `node "${cleaned(nodeId, longestId)}" failed${why}`;
}

/** The message of an error as text. A serializer of somebody's own may have kept a text, or nothing, or fail. */
function messageIn(codec: Codec, error: string): string {
  try {
    const kept = codec.decode(error);
    const { message = kept } = Object(kept) as { readonly message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}

/** The output of the last node as text; of several, an object by node id. */
function outputOf({ origin: { codec } }: Replica, { position, outputOf }: View): string | undefined {
  const last = lastOf(position, { isCompleted: (nodeId) => position.isCompleted(nodeId) });
  const [only] = last;
  if (last.length <= 1) return only === undefined ? undefined : outputOf(only);
  const outputs = last.map((nodeId) => [nodeId, codec.decodeMaybe(outputOf(nodeId), `output of node "${nodeId}"`)]);
  return codec.encode(Object.fromEntries(outputs), 'output');
}
