import type { Changes } from './changes.js';
import type { Waiting } from './result.js';

/** How a node has failed. A `NodeError` is one. */
export interface Failure<Value> {
  /** What was thrown. */
  readonly cause: Value;
  /** How often the node was tried. */
  readonly attempts: number;
  /** The fallback that stood in for it, if one did. */
  readonly recoveredBy?: string | undefined;
}

/**
 * One thing that has happened in a run: in process with the values themselves, on a fleet with values as texts.
 *
 * @typeParam Run - a run inside a node, as it began
 * @typeParam Step - one thing that has happened in such a run
 */
export type Happening<Value, Run = Value, Step = Value> =
  | Completed<Value>
  /** `isLost`: its fallback cannot save it any more. */
  | { readonly type: 'failed'; readonly nodeId: string; readonly error: Failure<Value>; readonly isLost: boolean }
  /** It is tried again after so many milliseconds. */
  | {
      readonly type: 'postponed';
      readonly nodeId: string;
      readonly error: Failure<Value>;
      readonly delay: number;
      /** Whether it uses up one of the retries. */
      readonly consumed: boolean;
    }
  | { readonly type: 'awaiting'; readonly nodeId: string; readonly waits: readonly Waiting[] }
  | InNode<Value, Run, Step>;

/** A node has completed, or its fallback has for it. */
export interface Completed<Value> {
  readonly type: 'completed';
  readonly nodeId: string;
  readonly output: Value | undefined;
  readonly action: string | undefined;
  /** The arcs that are taken; without, all are. */
  readonly arcs: readonly number[] | undefined;
  /** What arcs pass on, where that is not the output. */
  readonly passed: readonly (readonly [arc: number, value: Value])[];
  /** The fallback that stood in for it, if one did. */
  readonly recoveredBy: string | undefined;
}

/** Something is done inside a node that is not done itself: an item of a batch, a node of a sub-flow. */
export type InNode<Value, Run = Value, Step = Value> =
  | {
      readonly type: 'item';
      readonly nodeId: string;
      readonly index: number;
      readonly output: Value;
      /** What it has changed in the context, which counts with the node. */
      readonly changes?: Changes | undefined;
    }
  | { readonly type: 'started'; readonly key: string; readonly run: Run }
  | { readonly type: 'child'; readonly key: string; readonly entry: Step };
