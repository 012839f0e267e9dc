import type { Limit } from '../kernel/policies/limit.js';
import type { OwnPolicies } from '../kernel/policies/policy.js';
import type { Logger } from '../shared/logger.js';
import type { StandardSchema } from '../shared/standard-schema.js';
import type { Graph, WorkflowBlueprint } from './blueprint.js';
import type { CheckpointStore } from './checkpoint/store.js';
import type { IOrchestrator } from './contracts.js';
import type { NodeError } from './errors.js';
import type { MergeFunction } from './flow-options.js';
import type { Context } from './run/result.js';

/**
 * The options of a run: `flow.run(context, options)` and `runtime.run(flow, context, options)`. All options are
 * optional. An unknown or malformed option causes a `ValidationError`.
 */
export interface RunOptions {
  /** Id of the run, a non-empty string. Default: a new UUID. */
  readonly id?: string | undefined;
  /** @deprecated Since 0.11: use `id`. */
  readonly runId?: string | undefined;
  /** The input of the start nodes. Default: undefined. */
  readonly input?: unknown;
  /**
   * The executor, which decides where the flow runs. Default: an `InMemoryExecutor`, which runs the flow in this
   * program.
   */
  readonly executor?: IExecutor | undefined;
  /** The orchestrator, which decides how far the run advances. Default: `RunToCompletionOrchestrator`. */
  readonly orchestrator?: IOrchestrator | undefined;
  /** Aborts the run: the signals of running nodes are aborted, and no more nodes start. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Time limit of the whole run, in milliseconds. A run that exceeds the limit is aborted with a `TimeoutError`.
   * `null`, 0 and Infinity mean no limit. Default: none.
   */
  readonly timeout?: number | null | undefined;
  /**
   * The maximum number of nodes that run at the same time: a whole number of at least 1, or Infinity. Default:
   * Infinity.
   */
  readonly concurrency?: number | undefined;
  /**
   * If true, the first failure that no fallback recovers ends the run, and running nodes are aborted. Default: false.
   */
  readonly failFast?: boolean | undefined;
  /**
   * The maximum number of visits per node, for nodes without their own `maxVisits`. Default: the flow's `maxVisits`,
   * otherwise 1000.
   */
  readonly maxVisits?: number | undefined;
  /**
   * The store in which the run is saved after each node, so that the run can be continued after a crash. Default: the
   * run is not saved.
   */
  readonly checkpoint?: CheckpointStore | undefined;
  /** Parameters for all nodes, which override those of the flow. Default: none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** The logger that nodes get as `args.logger`. Default: the logger of the runtime. */
  readonly logger?: Logger | undefined;
}

/**
 * The options of `flow.continue(run, options)` and `runtime.continue(flow, run, options)`: all options of a run except
 * `id`, `input` and `executor`, plus the events that have arrived.
 */
export interface ContinueOptions extends Omit<RunOptions, 'id' | 'runId' | 'input' | 'executor'> {
  /** Payloads for waiting nodes, by event name. Default: none. */
  readonly events?: Readonly<Record<string, unknown>> | undefined;
}

/** The options of `flow.result(run, options)` and `runtime.result(flow, run, options)`. */
export interface ResultOptions {
  /** The store of the run. Default: none, the run is given as its result or its snapshot. */
  readonly checkpoint?: CheckpointStore | undefined;
}

/**
 * The former name of `ContinueOptions`, for programs that were written for version 0.8 or earlier.
 *
 * @deprecated Since 0.9: use `ContinueOptions`.
 */
export type ResumeOptions = ContinueOptions;

/**
 * The options that an executor passes on to the runs of sub-flows: those of a run, with the logger, the parameters and
 * the executor itself always present.
 */
export interface InternalRunOptions extends RunOptions {
  /** The logger that nodes get. */
  readonly logger: Logger;
  /** The parameters of the flow and the run. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The executor itself. */
  readonly executor: IExecutor;
}

/**
 * Decides where a flow runs: in this program, on a fleet, or nowhere in the case of a dry run. Pass an executor as the
 * `executor` option of `flow.run`; the default is `InMemoryExecutor`.
 */
export interface IExecutor {
  /** Runs a flow until it ends or waits. `flow.run` returns the return value of this method. */
  // biome-ignore lint/suspicious/noExplicitAny: each executor decides on the type of its results
  run(flow: FlowNode, context: Context, options?: RunOptions): Promise<any>;
  /** Returns the node that follows `node` after the given action, or `undefined` at the end of the flow. */
  // biome-ignore lint/suspicious/noExplicitAny: a node may return anything as its action
  getNextNode(node: AbstractNode, action: any): AbstractNode | undefined;
}

/**
 * The arguments of a node besides its input: the context of the run, the abort signal, the logger and more. A function
 * gets them as its second parameter, a method of a `Node` as its only parameter.
 */
// biome-ignore lint/suspicious/noExplicitAny: without a type argument the context may hold anything
export interface NodeArgs<State extends object = any, PrepRes = any, ExecRes = any> {
  /** Id of the node. */
  readonly nodeId: string;
  /** Id of the run. */
  readonly runId: string;
  /**
   * The number of the node's visit in this run, counted from 1. `runId`, `nodeId` and `visit` identify an execution
   * unless the id of the run is reused.
   */
  readonly visit: number;
  /** The number of the attempt in this visit, counted from 1. */
  readonly attempt: number;
  /** For the worker of a batch: the index of the item, counted from 0. */
  readonly index?: number | undefined;
  /** The input of the node. A function also gets the input as its first parameter. */
  // biome-ignore lint/suspicious/noExplicitAny: what a node gets is decided by edges, which types do not follow
  readonly input: any;
  /** The data that all nodes of the run share. Nodes may change it. */
  readonly context: State;
  /**
   * The parameters of the flow, the run and the node. Parameters of the node override those of the run, which in turn
   * override those of the flow.
   */
  // biome-ignore lint/suspicious/noExplicitAny: parameters come from data
  readonly params: Readonly<Record<string, any>>;
  /**
   * A key that stays the same when this execution is repeated, even after a crash. Pass it to external services that
   * accept such a key, so that an effect happens only once.
   */
  readonly idempotencyKey: string;
  /**
   * Aborted when the timeout of this attempt expires, when the run is aborted, or when another node fails and
   * `failFast` is set.
   */
  readonly signal: AbortSignal;
  /** Returns true if `signal` is aborted. */
  isCancelled(): boolean;
  /** The logger of the run or the runtime. */
  readonly logger: Logger;
  /** The `dependencies` option of the runtime. */
  // biome-ignore lint/suspicious/noExplicitAny: dependencies are what the user passes in
  readonly dependencies: any;
  /** The executor that is running the flow. */
  readonly executor: IExecutor;
  /** The return value of `prep`; available in `exec`, `fallback` and `post`. */
  readonly prepRes: PrepRes;
  /** The return value of `exec`, or of `fallback` if `exec` failed; available in `post`. */
  readonly execRes: ExecRes;
  /** The error of the last attempt; available in `fallback`. */
  readonly error?: unknown;
  /**
   * The failures of nodes of the run so far that no fallback has recovered, with the `cause` of each. Empty if no node
   * has failed. For nodes that run after a failure (`joinStrategy: 'settled'` and `'failed'`), for example to send an
   * alarm.
   */
  readonly failures: readonly NodeError[];
}

/**
 * The place of a node object in its graph: the node's id, the name of its code and its parameters. `node.graphData` is
 * set once the node is part of a graph.
 */
export interface GraphData {
  /** Id of the node, unique in the graph. */
  readonly id: string;
  /** Name of the node's code, like `uses` in the blueprint. */
  readonly type: string;
  /** The node's parameters. */
  readonly data: Readonly<Record<string, unknown>> & {
    /** The id that the author gave to the node. */
    readonly originalId: string;
  };
}

/**
 * Base class of everything that can be a node of a graph: `Node` and `Flow`. To write a node, extend `Node`; extend
 * this class only to introduce a new kind of node.
 */
export abstract class AbstractNode {
  /**
   * The nodes that follow, by action. The nodes under the key `undefined` follow if no other key matches the action.
   */
  readonly successors = new Map<string | undefined, AbstractNode[]>();
  /** Parameters of the node. Default: empty. */
  params: Record<string, unknown> = {};
  /** The node's place in a graph; `undefined` until the node is part of a graph. */
  graphData: GraphData | undefined = undefined;

  /**
   * Adds a node that follows this one.
   *
   * @param node - the node that follows
   * @param action - the action after which the node follows. Default: any action for which there is no other link
   * @returns `node`, so that links can be chained
   */
  next<Following extends AbstractNode>(node: Following, action?: string): Following {
    const known = this.successors.get(action);
    if (known === undefined) this.successors.set(action, [node]);
    else known.push(node);
    return node;
  }

  /** Performs the work of the node. */
  abstract exec(args: NodeArgs): unknown;
}

/**
 * Finds the node that follows after an action: the first node linked for the action, or else the first node linked
 * without an action.
 */
export function followerOf(node: AbstractNode, action: unknown): AbstractNode | undefined {
  const followers = node.successors.get(action as string | undefined) ?? node.successors.get(undefined);
  return followers?.[0];
}

/**
 * Base class of nodes with three phases: `prep` gathers the data, `exec` does the work, and `post` chooses the action.
 * Retry and timeout apply only to `exec`; a failure of `prep` or `post` fails the node immediately.
 *
 * @example
 * class Charge extends Node {
 *   prep({ context }: NodeArgs) { return context.cart; }
 *   async exec({ prepRes, signal }: NodeArgs) { return pay(prepRes, { signal }); }
 *   post({ execRes }: NodeArgs) { return execRes.accepted ? 'paid' : 'refused'; }
 *   fallback({ error }: NodeArgs) { return { accepted: false, error: String(error) }; }
 * }
 */
// biome-ignore lint/suspicious/noExplicitAny: as for the arguments
export class Node<State extends object = any, PrepRes = any, ExecRes = any> extends AbstractNode {
  /** Gathers the data for `exec`, which receives it as `prepRes`. Default: returns undefined. */
  prep(_args: NodeArgs<State>): PrepRes | PromiseLike<PrepRes> {
    return undefined as PrepRes;
  }

  /**
   * Performs the work. The return value is the node's output, unless `post` replaces the output. Default: returns
   * undefined.
   */
  exec(_args: NodeArgs<State, PrepRes>): ExecRes | PromiseLike<ExecRes> {
    return undefined as ExecRes;
  }

  /**
   * Called when all attempts of `exec` have failed; the return value replaces that of `exec`. Default: throws the
   * error.
   */
  fallback({ error }: NodeArgs<State, PrepRes>): ExecRes | PromiseLike<ExecRes> {
    throw error;
  }

  /**
   * Chooses what follows. Returns an action, or `withAction(action, output)` to replace the output too, or undefined
   * for no action. Default: returns undefined.
   */
  post(_args: NodeArgs<State, PrepRes, ExecRes>): Unchosen {
    return undefined;
  }
}

/**
 * The return type of a `post` that is not overridden. Like `unknown`, it admits everything; because it is another type,
 * flows can tell from the type of a class that its `post` chooses nothing.
 */
// biome-ignore lint/complexity/noBannedTypes: the one union that is assignable from and to `unknown`
export type Unchosen = {} | null | undefined;

/**
 * The code of a node as a function that gets the input and the arguments of the node, and returns the output or
 * `withAction(action, output)`. Kernel actions are called in the same way.
 */
// biome-ignore lint/suspicious/noExplicitAny: what a node gets is decided by edges, which types do not follow
export type NodeFunction<State extends object = any> = (input: any, args: NodeArgs<State>) => unknown;

/**
 * A node class with a constructor that takes no parameters. A new instance is created for each execution, so the
 * instance can hold data between phases.
 */
export type NodeClass = new () => Node;

/**
 * The code of a node: a function, a kernel action, a class, an instance that all executions share, or a flow. It is the
 * second argument of `flow.node` and of `flow.batch`.
 */
// biome-ignore lint/suspicious/noExplicitAny: as for the arguments
export type NodeImplementation<State extends object = any> = NodeFunction<State> | NodeClass | AbstractNode;

/**
 * The code, the flows and the limits that blueprints refer to, by name: implementations of nodes, functions for
 * conditions and transforms on edges, flows as data, and limits for the `limit` of nodes. `wait`, `sleep`, `subflow` and `batch` are built in and need no entry.
 */
export type Registry = Readonly<Record<string, NodeImplementation | Graph | Limit>>;

/**
 * Wraps the execution of nodes, for example to measure or log it. The return value of the middleware becomes the return
 * value of the node. A middleware may call `next` once, several times or not at all.
 */
export type NodeMiddleware = (args: NodeArgs, next: () => Promise<unknown>) => unknown;

/** The schemas of a flow: of its input, of the payloads of events by event name, and of its output. */
export interface FlowSchemas {
  /** Schema of the input of the start nodes. Default: any input is accepted. */
  readonly input?: StandardSchema | undefined;
  /** Schemas of the payloads of events, by event name. Default: any payload is accepted. */
  readonly events?: Readonly<Record<string, StandardSchema>> | undefined;
  /** Schema of the output of the flow. Default: any output is accepted. */
  readonly output?: StandardSchema | undefined;
}

/**
 * The types of what goes into a flow and comes out of it, besides the type of its context. They exist only in types.
 */
export interface FlowTypes {
  /** The input of a run. */
  readonly input: unknown;
  /** The payloads of events, by event name. */
  readonly events: unknown;
  /** The output of a run. */
  readonly output: unknown;
  /** The outputs of the nodes that are executed in every completed run, by node id. */
  readonly certain: unknown;
  /** The outputs of all nodes, by node id. */
  readonly outputs: unknown;
}

/** The types of a flow that reveals none: a flow without `after` and without schemas, or a blueprint. */
export interface UnknownTypes extends FlowTypes {
  // biome-ignore-start lint/suspicious/noExplicitAny: nothing is known of such a flow
  readonly input: any;
  readonly events: any;
  readonly output: any;
  readonly certain: any;
  readonly outputs: any;
  // biome-ignore-end lint/suspicious/noExplicitAny: nothing is known of such a flow
}

/**
 * Base class of flows: everything that a runtime needs to run a graph, either on its own or as a node of another graph.
 * Create flows with `Flow`; use this class as the type in code that accepts flows of any type.
 */
export abstract class FlowNode<
  // biome-ignore lint/suspicious/noExplicitAny: as for the arguments
  State extends object = any,
  Types extends FlowTypes = UnknownTypes,
> extends AbstractNode {
  /** Carries the type of the context; the property does not exist at run time. */
  declare readonly contextType?: State;
  /**
   * Carries the other types of the flow; the property does not exist at run time. As a method, it admits a flow with
   * more nodes as the value of a variable.
   */
  declare types?: { carry(types: Types): void }['carry'];
  /** The code that the flow's blueprint refers to, by name. */
  abstract readonly registry: Registry;
  /** The functions that wrap each execution of a node. The first function is the outermost. */
  abstract readonly middleware: readonly NodeMiddleware[];
  /**
   * The policies of nodes by node id, including policies that are functions or objects and cannot be part of a
   * blueprint.
   */
  abstract readonly policies: ReadonlyMap<string, OwnPolicies>;
  /** The merge functions of the flow by context key. */
  abstract readonly merge: Readonly<Record<string, MergeFunction>>;
  /** The schemas of the values that come from outside, and of the output. Default: none. */
  get schemas(): FlowSchemas {
    return {};
  }
  /** The first start node, linked to the nodes that follow; `undefined` for a flow without nodes. */
  abstract readonly startNode: AbstractNode | undefined;
  /** Returns the flow as data. */
  abstract toBlueprint(): WorkflowBlueprint;
}
