import type { Serializer } from '../shared/serializer.js';
import type { EdgeDefinition, NodeDefinition, WorkflowBlueprint } from './blueprint.js';
import type { NodeError } from './errors.js';
import type { NodeResult } from './node-result.js';
import type { NextNode } from './plan/plan.js';
import type { Context, Waiting, WorkflowResult } from './run/result.js';
import type { WorkflowState } from './run/state.js';
import type { GraphTraverser } from './run/traverser.js';

/**
 * The interfaces between the components of the flow layer. Custom orchestrators, executors and coordination stores
 * implement these interfaces.
 */

/** A value, or a promise of the value. */
export type MaybePromise<Value> = Value | Promise<Value>;

/**
 * Decides how a run advances: which ready nodes are executed, and when to stop. `run` receives the position of the run,
 * its state and the services that execute nodes. Pass an orchestrator as the `orchestrator` option of a run; the
 * default is `RunToCompletionOrchestrator`.
 */
export interface IOrchestrator {
  /**
   * Advances a run, for example to its end or by one step.
   *
   * @param traverser - the position of the run in its graph, including the nodes that are ready
   * @param executorFactory - creates the executor of each node
   * @param state - the context, outputs and failures of the run
   * @param services - input, routing and transforms, and the options of the run
   * @returns the state of the run at the time the orchestrator stops
   */
  run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult>;
}

/**
 * Creates the executor of a node. Call the factory with a blueprint, then call the returned function with a node id.
 * Orchestrators receive the factory both as an argument of `run` and as `services.executorFactory`.
 */
export type NodeExecutorFactory = (blueprint: WorkflowBlueprint) => (nodeId: string) => NodeExecutor;

/**
 * Executes one node as a task, with the retries and the timeout of the node. Get the executor of a node from a
 * `NodeExecutorFactory`.
 */
export interface NodeExecutor<Input = unknown, Output = unknown> {
  /**
   * Executes the node once, including its retries. The promise resolves even if the node fails, because the status of
   * the result tells how the execution ended.
   *
   * @param input - the input of the node, as returned by `services.resolveNodeInput`
   * @param state - the state of the run. Default: in a prepared run, the state for which the input was resolved;
   *   otherwise an empty state
   * @param visit - the number of the visit, counted from 1. Default: 1
   */
  execute(input: Input, state?: WorkflowState, visit?: number): Promise<NodeExecutionResult<Output>>;
}

/**
 * The outcome of one execution of a node, distinguished by `status`. To advance the run, wrap the outcome in a
 * `SettledResult` and pass it to `processResults`.
 */
export type NodeExecutionResult<Output = unknown> =
  | {
      readonly status: 'success';
      readonly result: NodeResult<Output>;
      readonly error?: undefined;
      /** The number of attempts. Default: 1. */
      readonly attempts?: number | undefined;
    }
  | { readonly status: 'failed'; readonly error: NodeError }
  /** The node waits for an event from outside or for a time. `continue` can supply the event. */
  | { readonly status: 'awaiting'; readonly awaiting: readonly Waiting[]; readonly error?: undefined }
  /** The attempt failed, and the caller is to repeat it after `delay` milliseconds. */
  | { readonly status: 'postponed'; readonly error: NodeError; readonly delay: number; readonly consumed: boolean }
  /** The node was cancelled by an abort; `error` is the reason of the abort. */
  | { readonly status: 'cancelled'; readonly error: unknown };

/**
 * The result of one node in a batch of ready nodes: `fulfilled` if the node was executed, even if it failed, or
 * `rejected` if the node could not be executed at all. `executeBatch` returns these results, and `processResults` takes
 * them.
 */
export type SettledResult =
  | {
      readonly status: 'fulfilled';
      readonly value: { readonly nodeId: string; readonly executionResult: NodeExecutionResult };
    }
  | { readonly status: 'rejected'; readonly reason: { readonly nodeId: string; readonly error: unknown } };

/**
 * The options of a run that an orchestrator must observe, taken from the caller's `RunOptions`. `IOrchestrator.run`
 * gets them as `services.options`.
 */
export interface ExecutionOptions {
  /** Aborts the run. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** The maximum number of nodes that run at the same time. Default: Infinity. */
  readonly concurrency?: number | undefined;
  /** If true, the first failure that no fallback recovers ends the run. Default: false. */
  readonly failFast?: boolean | undefined;
  /** Converts values to text and back, for checkpoints. */
  readonly serializer: Serializer;
}

/**
 * The services that an orchestrator needs in addition to the position and the state of a run: executors, inputs,
 * routing and transforms. Use `runtime.services`, or the `services` that `runtime.prepare` returns.
 */
export interface ExecutionServices {
  /** The options of the run. */
  readonly options: ExecutionOptions;
  /** The factory that is also passed to the orchestrator's `run`. */
  readonly executorFactory: NodeExecutorFactory;
  /** Resolves the input of a node: from its input mapping if there is one, otherwise from its predecessors. */
  resolveNodeInput(nodeId: string, blueprint: WorkflowBlueprint, context: Context): MaybePromise<unknown>;
  /**
   * Determines the edges to follow from a completed node, together with the nodes that they lead to.
   *
   * @throws {UnknownActionError} if all edges have actions, but none has the chosen action
   * @throws {ExpressionError} if a condition cannot be evaluated or its result is not a boolean; errors of condition
   *   functions are passed on
   */
  determineNextNodes(
    blueprint: WorkflowBlueprint,
    nodeId: string,
    result: NodeResult,
    context: Context,
  ): MaybePromise<readonly NextNode[]>;
  /** Applies the transform of an edge and records the value. `resolveNodeInput` then uses this value for the target. */
  applyEdgeTransform(
    edge: EdgeDefinition,
    result: NodeResult,
    targetNode: NodeDefinition,
    context: Context,
  ): MaybePromise<void>;
  /** Calls a function inside the process of the run. If there is no surrounding process, a new one is started. */
  inProcess?<Result>(state: WorkflowState, work: () => Promise<Result>): Promise<Result>;
}

/**
 * An atomic store that several machines share. An `EventDrivenOrchestrator` uses the store to coordinate the joins of a
 * run.
 *
 * Each call is atomic. A call must reject if the store cannot confirm that the operation was done. If the operation was
 * done although the call rejected, no harm results.
 */
export interface ICoordinationStore {
  /** Adds one to a counter and returns the sum. A new counter starts at 0 and expires after `ttlSeconds` seconds. */
  increment(key: string, ttlSeconds: number): Promise<number>;
  /** Sets a key for `ttlSeconds` seconds unless the key exists. Returns true if the key was set. */
  setIfNotExist(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  /** Returns the value of a key, or `undefined` if the key does not exist. */
  get(key: string): Promise<string | undefined>;
  /** Makes a key expire `ttlSeconds` seconds from now. Returns true if the key exists. */
  extendTTL(key: string, ttlSeconds: number): Promise<boolean>;
  /** Removes a key. */
  delete(key: string): Promise<void>;
}
