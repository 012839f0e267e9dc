import type { Changes } from './changes.js';
import type { Waiting } from './result.js';

/** The failure of a node, for example a `NodeError`. */
export interface Failure<Value> {
  /** The value that was thrown. */
  readonly cause: Value;
  /** The number of attempts that were made. */
  readonly attempts: number;
  /** The id of the fallback that replaced the node, if any. */
  readonly recoveredBy?: string | undefined;
}

/**
 * An event in the course of a run. In process, it holds the values themselves; on a fleet, it holds their texts.
 *
 * @typeParam Run - a run inside a node, at its start
 * @typeParam Step - one entry recorded in such a run
 */
export type Happening<Value, Run = Value, Step = Value> =
  | Completed<Value>
  /** If `isLost` is true, the node fails even if it has a fallback. */
  | { readonly type: 'failed'; readonly nodeId: string; readonly error: Failure<Value>; readonly isLost: boolean }
  /** The node is tried again after `delay` milliseconds. */
  | {
      readonly type: 'postponed';
      readonly nodeId: string;
      readonly error: Failure<Value>;
      readonly delay: number;
      /** If true, the attempt uses up one of the retries. */
      readonly consumed: boolean;
    }
  | { readonly type: 'awaiting'; readonly nodeId: string; readonly waits: readonly Waiting[] }
  | InNode<Value, Run, Step>;

/** The completion of a node, either by its own result or by that of its fallback. */
export interface Completed<Value> {
  readonly type: 'completed';
  readonly nodeId: string;
  readonly output: Value | undefined;
  readonly action: string | undefined;
  /** The arcs that are taken. Default: all arcs of the node. */
  readonly arcs: readonly number[] | undefined;
  /** The values that arcs pass on, if they differ from the output. */
  readonly passed: readonly (readonly [arc: number, value: Value])[];
  /** The id of the fallback that replaced the node, if any. */
  readonly recoveredBy: string | undefined;
}

/**
 * Progress inside a node that has not completed yet: a batch element has completed (`item`), a sub-flow has started
 * (`started`), or an event has occurred in a sub-flow (`child`).
 */
export type InNode<Value, Run = Value, Step = Value> =
  | {
      readonly type: 'item';
      readonly nodeId: string;
      readonly index: number;
      readonly output: Value;
      /** The changes that the element made to the context. They become part of the node's changes. */
      readonly changes?: Changes | undefined;
    }
  | { readonly type: 'started'; readonly key: string; readonly run: Run }
  | { readonly type: 'child'; readonly key: string; readonly entry: Step };
