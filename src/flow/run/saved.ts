import type { NodeError } from '../errors.js';
import type { SavedPosition } from '../plan/marks.js';
import { toOrder } from '../plan/order.js';
import { type Outline, outlineOf } from '../plan/outline.js';
import type { Position } from '../plan/position.js';
import { versionOf } from '../plan/version.js';
import type { Changes } from './changes.js';
import { isFailedWait } from './failed-wait.js';
import type { Completed, Conclusion, Failure, Happening, WaitEnd } from './happening.js';
import type { Inner, Memory } from './memory.js';
import type { Waiting } from './result.js';

/** The data of a saved run. */
export interface SavedRun {
  readonly flow: string;
  readonly version: string;
  readonly runId: string;
  /**
   * The graph of the run. In runs saved by versions up to 0.6, the graph is missing, and positions follow the order of
   * declaration.
   */
  readonly graph?: Outline | undefined;
  readonly input: unknown;
  readonly context: object;
  /** The context as text encoded by the codec. If present, `context` is empty. */
  readonly values?: readonly (readonly [key: string, text: string])[] | undefined;
  /** The position of the run. If there is a `graph`, nodes are numbered in an order derived from their ids. */
  readonly position: SavedPosition;
  readonly errors: readonly SavedNodeError[];
  readonly awaiting: readonly (readonly [nodeId: string, waits: readonly Waiting[]])[];
  /**
   * The ends of waits whose nodes have not run since. Versions up to 0.12 wrote the payload of the event alone, without
   * its name.
   */
  readonly delivered: readonly (
    | readonly [nodeId: string, events: WaitEnd<unknown>['events'], rest: Omit<WaitEnd<unknown>, 'events'>]
    | readonly [nodeId: string, payload: unknown]
  )[];
  /** The digests of the payloads by which the last waits for events have ended. */
  readonly received?: readonly (readonly [event: string, digest: string])[] | undefined;
  /** The values that arcs have passed on, if they differ from the output of the arc's source. */
  readonly passed:
    | readonly (readonly [source: string, target: string, value: unknown])[]
    | readonly (readonly [arc: number, value: unknown])[];
  /** The actions that nodes have chosen. */
  readonly actions: readonly (readonly [nodeId: string, action: string])[];
  /** The outputs of completed elements of unfinished batches. */
  readonly items: readonly (readonly [nodeId: string, outputs: ReadonlyMap<number, unknown>])[];
  /** The changes that completed batch elements have made to the context. */
  readonly itemChanges?: readonly (readonly [nodeId: string, changes: ReadonlyMap<number, Changes>])[] | undefined;
  /** The decided end of the run. Missing if none was decided, and in runs saved by versions up to 0.12. */
  readonly conclusion?: Conclusion<unknown> | undefined;
  /** Unfinished runs of sub-flows. */
  readonly children: readonly (readonly [key: string, run: SavedChild])[];
}

/** A run inside another run: the inner run as it was last saved, and the entries recorded since then. */
export type SavedChild = Inner<SavedRun, Entry>;

/** The facts about a run in process, besides its context. */
export type RunMemory = Memory<unknown, SavedRun, Entry>;

/** An event in the course of a run in process. */
export type RunHappening = Happening<unknown, SavedRun, Entry>;

/** The failure of a node as plain data. */
export type SavedNodeError = Failure<unknown> & Pick<NodeError, 'nodeId'>;

export function savedError({ nodeId, attempts, cause, recoveredBy }: NodeError): SavedNodeError {
  return { nodeId, attempts, cause, recoveredBy, ...(isFailedWait(cause) ? { ofWait: true as const } : {}) };
}

/**
 * An event in the form in which it is written to a journal. Nodes are identified by id, because node numbers depend on
 * the declaration order.
 */
export type SavedHappening =
  | Exclude<RunHappening, { type: 'completed' }>
  | (Omit<Completed<unknown>, 'arcs' | 'passed'> & {
      /** The target nodes of the arcs that are taken. Default: all arcs are taken. */
      readonly targets?: readonly string[] | undefined;
      /** The numbers of the arcs that are taken, as written by versions up to 0.6. */
      readonly arcs?: readonly number[] | undefined;
      readonly passed: readonly (readonly [target: string | number, value: unknown])[];
    });

/** An event and its changes to the context, including outputs, as text encoded by the codec. */
export interface Entry {
  readonly happening: SavedHappening;
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly removed?: readonly string[] | undefined;
  /** Changed values besides outputs, in entries written by versions before 0.7. */
  readonly changed?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Collects the data to save for a run.
 *
 * @param head - the data that `memory` does not hold
 * @param errors - the failures of the run's nodes
 * @param inner - the unfinished runs inside nodes
 */
export function savedRun(
  head: Pick<SavedRun, 'runId' | 'input' | 'context' | 'values'>,
  memory: RunMemory,
  position: Position,
  errors: readonly NodeError[],
  inner: ReadonlyMap<string, SavedChild>,
): SavedRun {
  const { passed, actions, items, itemChanges, awaiting, delivered, received, conclusion } = memory;
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
    delivered: [...delivered].map(([nodeId, { events, ...rest }]) => [nodeId, events, rest]),
    ...(received.size === 0 ? {} : { received: [...received] }),
    passed: [...passed].map(([arc, value]) => [idOf(plan.arcSource[arc]), idOf(plan.arcTarget[arc]), value]),
    actions: [...actions],
    items: [...items],
    ...(itemChanges.size === 0 ? {} : { itemChanges: [...itemChanges] }),
    ...(conclusion === undefined ? {} : { conclusion }),
    children: [...inner],
  };
}
