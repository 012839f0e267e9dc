import type { EdgeDefinition, NodeDefinition, WorkflowBlueprint } from './blueprint.js';
import type { NodeError } from './errors.js';
import type { NodeResult } from './node-result.js';
import type { NextNode } from './plan/plan.js';
import type { Context, Waiting, WorkflowResult } from './run/result.js';
import type { Serializer } from './run/serializer.js';
import type { WorkflowState } from './run/state.js';
import type { GraphTraverser } from './run/traverser.js';

/**
 * What the parts of the flow layer ask of each other. Whoever writes an orchestrator, an executor or a coordination
 * store of their own writes against these.
 */

/** What may be known at once, or only later. */
export type MaybePromise<Value> = Value | Promise<Value>;

/** Says how a run advances: given where it is, what it knows, and how a node is executed. */
export interface IOrchestrator {
  /**
   * Advances a run as far as this orchestrator goes.
   *
   * @param traverser - where the run is in its plan
   * @param executorFactory - gives what executes a node
   * @param state - what the run knows
   * @param services - input, routing and transforms, and the options of the run
   */
  run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult>;
}

/** Gives the executor of a node of a blueprint, by its id. */
export type NodeExecutorFactory = (blueprint: WorkflowBlueprint) => (nodeId: string) => NodeExecutor;

/** Executes one node, with its policies, as a task. */
export interface NodeExecutor<Input = unknown, Output = unknown> {
  /**
   * It resolves whatever the node does.
   *
   * @param input - what the node gets
   * @param state - the state of the run. Default: of a prepared run that which
   *   its input was resolved for, else an empty one
   * @param visit - number of the visit, from 1. Default: 1
   */
  execute(input: Input, state?: WorkflowState, visit?: number): Promise<NodeExecutionResult<Output>>;
}

/** How the execution of a node has ended. */
export type NodeExecutionResult<Output = unknown> =
  | {
      readonly status: 'success';
      readonly result: NodeResult<Output>;
      readonly error?: undefined;
      /** How often it was tried. Default: once. */
      readonly attempts?: number | undefined;
    }
  | { readonly status: 'failed'; readonly error: NodeError }
  /** It waits for something outside; the run can be continued with it. */
  | { readonly status: 'awaiting'; readonly awaiting: readonly Waiting[]; readonly error?: undefined }
  /** It has failed, and is to be tried again after so many milliseconds, by whoever executes it. */
  | { readonly status: 'postponed'; readonly error: NodeError; readonly delay: number; readonly consumed: boolean }
  /** It was cut short by an abort; the error is the reason. */
  | { readonly status: 'cancelled'; readonly error: unknown };

/** A node that was executed, or whose execution was not possible. */
export type SettledResult =
  | {
      readonly status: 'fulfilled';
      readonly value: { readonly nodeId: string; readonly executionResult: NodeExecutionResult };
    }
  | { readonly status: 'rejected'; readonly reason: { readonly nodeId: string; readonly error: unknown } };

/** The options of a run, as an orchestrator sees them. */
export interface ExecutionOptions {
  /** Aborts the run. */
  readonly signal?: AbortSignal | undefined;
  /** How many nodes run at the same time. Default: Infinity. */
  readonly concurrency?: number | undefined;
  /** Whether the first failure ends the run. Default: false. */
  readonly failFast?: boolean | undefined;
  /** Writes what crosses a checkpoint. */
  readonly serializer: Serializer;
}

/** What an orchestrator needs besides position and memory. */
export interface ExecutionServices {
  readonly options: ExecutionOptions;
  /** The same factory that the orchestrator is given. */
  readonly executorFactory: NodeExecutorFactory;
  /** What a node gets: by its input mapping, else from the nodes before it. */
  resolveNodeInput(nodeId: string, blueprint: WorkflowBlueprint, context: Context): MaybePromise<unknown>;
  /** The edges that are followed from a node that has completed. Throws for a condition that cannot be evaluated. */
  determineNextNodes(
    blueprint: WorkflowBlueprint,
    nodeId: string,
    result: NodeResult,
    context: Context,
  ): MaybePromise<readonly NextNode[]>;
  /** Transforms what an edge passes on; the target's input will be resolved with it. */
  applyEdgeTransform(
    edge: EdgeDefinition,
    result: NodeResult,
    targetNode: NodeDefinition,
    context: Context,
  ): MaybePromise<void>;
  /** Calls a function in the process of the run: in the one around it, else in one of its own. */
  inProcess?<Result>(state: WorkflowState, work: () => Promise<Result>): Promise<Result>;
}

/**
 * An atomic store that several machines share: what an event-driven run coordinates its joins with.
 *
 * Each call is atomic by itself. A call rejects if it is not known to be done; one that was done all the same does no harm.
 */
export interface ICoordinationStore {
  /** Adds one to a counter, which starts at 0, and gives the sum. A new counter lives for the given seconds. */
  increment(key: string, ttlSeconds: number): Promise<number>;
  /** Sets a key that is not there yet, for the given seconds. Gives whether it did. */
  setIfNotExist(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  /** The value of a key; `undefined` for a key that is not there. */
  get(key: string): Promise<string | undefined>;
  /** Lets a key live for the given seconds from now. Gives whether it is there. */
  extendTTL(key: string, ttlSeconds: number): Promise<boolean>;
  /** Removes a key. */
  delete(key: string): Promise<void>;
}
