import type { NodeError } from '../errors.js';
import type { SavedPosition } from '../plan/marks.js';
import { toOrder } from '../plan/order.js';
import { type Outline, outlineOf } from '../plan/outline.js';
import type { Position } from '../plan/position.js';
import { versionOf } from '../plan/version.js';
import type { Changes } from './changes.js';
import type { Completed, Happening } from './happening.js';
import type { Inner, Memory } from './memory.js';
import type { Waiting } from './result.js';

/** A run as it is saved. */
export interface SavedRun {
  readonly flow: string;
  readonly version: string;
  readonly runId: string;
  /** The graph that it goes through. Runs of versions up to 0.6 have none: their positions are in the order of declaration. */
  readonly graph?: Outline | undefined;
  readonly input: unknown;
  readonly context: object;
  /** The context of a run that was saved, as texts of the codec. */
  readonly values?: readonly (readonly [key: string, text: string])[] | undefined;
  /** In an order that follows from ids, where there is a graph. */
  readonly position: SavedPosition;
  readonly errors: readonly SavedNodeError[];
  readonly awaiting: readonly (readonly [nodeId: string, waits: readonly Waiting[]])[];
  /** What has come for nodes that waited for it, and have not gone on yet. */
  readonly delivered: readonly (readonly [nodeId: string, payload: unknown])[];
  /** What arcs have passed on, where that is not the output of their source. */
  readonly passed:
    | readonly (readonly [source: string, target: string, value: unknown])[]
    | readonly (readonly [arc: number, value: unknown])[];
  /** The actions that nodes have chosen. */
  readonly actions: readonly (readonly [nodeId: string, action: string])[];
  /** What is done of batches that are not. */
  readonly items: readonly (readonly [nodeId: string, outputs: ReadonlyMap<number, unknown>])[];
  /** What those items have changed in the context. */
  readonly itemChanges?: readonly (readonly [nodeId: string, changes: ReadonlyMap<number, Changes>])[] | undefined;
  /** Runs of sub-flows that are not done. */
  readonly children: readonly (readonly [key: string, run: SavedChild])[];
}

/** A run inside another: as it was last saved, and what has happened since. */
export type SavedChild = Inner<SavedRun, Entry>;

/** What is remembered of a run in process. */
export type RunMemory = Memory<unknown, SavedRun, Entry>;

/** One thing that has happened in a run in process. */
export type RunHappening = Happening<unknown, SavedRun, Entry>;

/** A failure as plain data. */
export type SavedNodeError = Pick<NodeError, 'nodeId' | 'attempts' | 'cause' | 'recoveredBy'>;

export function savedError({ nodeId, attempts, cause, recoveredBy }: NodeError): SavedNodeError {
  return { nodeId, attempts, cause, recoveredBy };
}

/** One thing that has happened, as it is written. */
export type SavedHappening =
  | Exclude<RunHappening, { type: 'completed' }>
  | (Omit<Completed<unknown>, 'arcs' | 'passed'> & {
      /** The nodes that the arcs lead to that are taken; without, all are. */
      readonly targets?: readonly string[] | undefined;
      /** The same by number, as versions up to 0.6 wrote it. */
      readonly arcs?: readonly number[] | undefined;
      readonly passed: readonly (readonly [target: string | number, value: unknown])[];
    });

/** What has happened, with what it has changed in the context, outputs among that: texts of the codec. */
export interface Entry {
  readonly happening: SavedHappening;
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly removed?: readonly string[] | undefined;
  /** Values besides outputs, in entries that were written before 0.7. */
  readonly changed?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A run as it is saved.
 *
 * @param head - what the memory does not know of it
 * @param errors - its failures
 * @param inner - runs inside its nodes
 */
export function savedRun(
  head: Pick<SavedRun, 'runId' | 'input' | 'context' | 'values'>,
  memory: RunMemory,
  position: Position,
  errors: readonly NodeError[],
  inner: ReadonlyMap<string, SavedChild>,
): SavedRun {
  const { passed, actions, items, itemChanges, awaiting, delivered } = memory;
  const { plan } = position;
  const idOf = (node: number | undefined) => plan.idOf(node as number);
  return {
    flow: plan.id,
    version: versionOf(plan),
    graph: outlineOf(plan),
    ...head,
    position: toOrder(plan, position.save()),
    errors: errors.map(savedError),
    awaiting: [...awaiting],
    delivered: [...delivered].map(([nodeId, events]) => [nodeId, Object.values(events)[0]]),
    passed: [...passed].map(([arc, value]) => [idOf(plan.arcSource[arc]), idOf(plan.arcTarget[arc]), value]),
    actions: [...actions],
    items: [...items],
    ...(itemChanges.size === 0 ? {} : { itemChanges: [...itemChanges] }),
    children: [...inner],
  };
}
