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
  /** If true, the failure is the consequence of a failed wait (see `isFailedWait`). */
  readonly ofWait?: true | undefined;
}

/**
 * An event in the course of a run. In process, it holds the values themselves; on a fleet, it holds their texts.
 *
 * @typeParam Run - a run inside a node, at its start
 * @typeParam Step - one entry recorded in such a run
 */
export type Happening<Value, Run = Value, Step = Value> =
  | Completed<Value>
  | Failed<Value>
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
  /** The wait of a node has ended. */
  | ({ readonly type: 'delivered'; readonly nodeId: string } & WaitEnd<Value>)
  | InNode<Value, Run, Step>
  | OfRun<Value>;

/** The failure of a node. */
export interface Failed<Value> {
  readonly type: 'failed';
  readonly nodeId: string;
  readonly error: Failure<Value>;
  /** If true, the node fails even if it has a fallback. */
  readonly isLost: boolean;
  /** If true, the run ends with this failure, unless a fallback replaces the node (`failFast`). */
  readonly endsRun?: true | undefined;
}

/**
 * An event of the run as a whole: its end was decided (`concluded`), or its failed nodes, at any depth of sub-flows, are
 * executed again (`retried`).
 */
export type OfRun<Value> = ({ readonly type: 'concluded' } & Conclusion<Value>) | { readonly type: 'retried' };

/**
 * The end of a run, if it does not follow from the ends of the nodes alone: the output that the schema of the flow has
 * returned; the `reason` why that schema has refused the output; or a failure that has ended the run early (`failFast`).
 */
export type Conclusion<Value> =
  | { readonly status: 'completed'; readonly output: Value }
  | { readonly status: 'failed'; readonly reason?: Value | undefined };

/** The end of a wait: events have arrived, or a time has come. */
export interface WaitEnd<Value> {
  /** The payloads of the events that have arrived, by event name. Empty if only a time has come. */
  readonly events: Readonly<Record<string, Value>>;
  /**
   * The time at which the wait ended, in epoch milliseconds. If the node is a sub-flow, the waits inside are decided as
   * of this time, however much later the node is executed. `undefined` in runs saved by versions up to 0.12.
   */
  readonly time?: number | undefined;
  /** The time that has come, in epoch milliseconds; `undefined` if the wait has ended before its time. */
  readonly due?: number | undefined;
  /** If true, the schemas of the events are still to be applied to the payloads. */
  readonly unchecked?: true | undefined;
  /** Digests of the payloads as they were sent, by event name. */
  readonly sent?: Readonly<Record<string, string>> | undefined;
}

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
