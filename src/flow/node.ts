import type { OwnPolicies } from '../kernel/policy.js';
import type { Logger } from '../shared/logger.js';
import type { Graph, WorkflowBlueprint } from './blueprint.js';
import type { CheckpointStore } from './checkpoint/store.js';
import type { IOrchestrator } from './contracts.js';
import type { MergeFunction } from './flow-options.js';
import type { Context } from './run/result.js';

/** What a run may be given. */
export interface RunOptions {
  /** Id of the run. Default: a new UUID. */
  readonly runId?: string | undefined;
  /** What the nodes get that nothing leads to. Default: undefined. */
  readonly input?: unknown;
  /** Where it runs. Default: `InMemoryExecutor`. */
  readonly executor?: IExecutor | undefined;
  /** How it advances. Default: `RunToCompletionOrchestrator`. */
  readonly orchestrator?: IOrchestrator | undefined;
  /** Aborts the run: running nodes see it, nothing new starts. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Limit of the whole run, in milliseconds; at its end it is aborted with a `TimeoutError`. `null`, 0 or Infinity for none.
   * Default: none.
   */
  readonly timeout?: number | null | undefined;
  /** How many nodes run at the same time: a whole number of at least 1, or Infinity. Default: Infinity. */
  readonly concurrency?: number | undefined;
  /** Whether the first failure that no fallback saves ends the run: running nodes are aborted. Default: false. */
  readonly failFast?: boolean | undefined;
  /** How often a node may be visited, where it does not say so itself. Default: that of the flow, else 1000. */
  readonly maxVisits?: number | undefined;
  /** Where the run is saved after each node, so that it can be continued. Default: nowhere. */
  readonly checkpoint?: CheckpointStore | undefined;
  /** Parameters for all nodes, over those of the flow. Default: none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Default: that of the runtime. */
  readonly logger?: Logger | undefined;
}

/** What a run that goes on may be given. */
export interface ContinueOptions extends Omit<RunOptions, 'runId' | 'input' | 'executor'> {
  /** What has come for the nodes that wait, by event. Default: nothing. */
  readonly events?: Readonly<Record<string, unknown>> | undefined;
}

/** @deprecated Since 0.9: now `ContinueOptions`. */
export type ResumeOptions = ContinueOptions;

/** Options as an executor passes them on: complete, and with itself. */
export interface InternalRunOptions extends RunOptions {
  readonly logger: Logger;
  readonly params: Readonly<Record<string, unknown>>;
  readonly executor: IExecutor;
}

/** Says where a flow runs. */
export interface IExecutor {
  /** Runs a flow as far as it goes. */
  // biome-ignore lint/suspicious/noExplicitAny: what comes of a run is the executor's
  run(flow: FlowNode, context: Context, options?: RunOptions): Promise<any>;
  /** The node that follows one which chose an action; `undefined` for the end. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever a node returns for an action
  getNextNode(node: AbstractNode, action: any): AbstractNode | undefined;
}

/** What a node is executed with, besides its input. */
// biome-ignore lint/suspicious/noExplicitAny: a flow that does not say what its context is may keep anything in it
export interface NodeArgs<State extends object = any, PrepRes = any, ExecRes = any> {
  readonly nodeId: string;
  readonly runId: string;
  /** How often the node has been started in this run, from 1. `runId`, `nodeId` and `visit` name an execution, for as long as the id of the run is not used again. */
  readonly visit: number;
  /** How often it was tried in this visit, from 1. */
  readonly attempt: number;
  /** The item's number where the node is the worker of a batch, from 0. */
  readonly index?: number | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what a node gets is decided by edges, which types do not follow
  readonly input: any;
  /** The data of the run; nodes may change it. */
  readonly context: State;
  /** The parameters of flow, run and node; the later ones win. */
  // biome-ignore lint/suspicious/noExplicitAny: parameters come from data
  readonly params: Readonly<Record<string, any>>;
  /** Names this execution for ever, whoever repeats it: what makes an effect of the node's own exact. */
  readonly idempotencyKey: string;
  /** Aborts with this attempt: when its timeout strikes, the run is aborted, or another node fails under `failFast`. */
  readonly signal: AbortSignal;
  /** Whether the signal has aborted. */
  isCancelled(): boolean;
  readonly logger: Logger;
  /** What the runtime was given as `dependencies`. */
  // biome-ignore lint/suspicious/noExplicitAny: dependencies are what the user passes in
  readonly dependencies: any;
  /** What runs the flow. */
  readonly executor: IExecutor;
  /** What `prep` has returned; for `exec`, `fallback` and `post`. */
  readonly prepRes: PrepRes;
  /** What `exec`, or `fallback` in its place, has returned; for `post`. */
  readonly execRes: ExecRes;
  /** What the last attempt failed with; for `fallback`. */
  readonly error?: unknown;
}

/** Where a node stands in its graph. */
export interface GraphData {
  /** Its id, unique in the graph. */
  readonly id: string;
  /** What it uses. */
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>> & {
    /** The id that its author gave it. */
    readonly originalId: string;
  };
}

/** Anything that can stand in a graph and be followed by other nodes. */
export abstract class AbstractNode {
  /** The nodes that follow, by action; `undefined` for those that follow where no action matches. */
  readonly successors = new Map<string | undefined, AbstractNode[]>();
  params: Record<string, unknown> = {};
  /** Its place, once it is part of a graph. */
  graphData: GraphData | undefined = undefined;

  /**
   * Lets a node follow this one.
   *
   * @param action - the action that leads there. Default: whatever matches no other
   * @returns the node that follows, so that a chain can be written as one
   */
  next<Following extends AbstractNode>(node: Following, action?: string): Following {
    const known = this.successors.get(action);
    if (known === undefined) this.successors.set(action, [node]);
    else known.push(node);
    return node;
  }

  abstract exec(args: NodeArgs): unknown;
}

/** The node that follows one which has chosen an action: the first for that action, else the first for any. */
export function followerOf(node: AbstractNode, action: unknown): AbstractNode | undefined {
  const followers = node.successors.get(action as string | undefined) ?? node.successors.get(undefined);
  return followers?.[0];
}

/**
 * A node in three phases: `prep` gathers what is needed, `exec` does the work, `post` says what follows. Retry and
 * timeout are about `exec` alone; a failure of the other two fails the node at once.
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
  /** Gathers what `exec` needs. Default: nothing. */
  prep(_args: NodeArgs<State>): PrepRes | PromiseLike<PrepRes> {
    return undefined as PrepRes;
  }

  /** Does the work; what it returns is the node's output. Default: nothing. */
  exec(_args: NodeArgs<State, PrepRes>): ExecRes | PromiseLike<ExecRes> {
    return undefined as ExecRes;
  }

  /** Stands in for `exec` where that has failed for good. Default: the failure stays. */
  fallback({ error }: NodeArgs<State, PrepRes>): ExecRes | PromiseLike<ExecRes> {
    throw error;
  }

  /** Says what follows: an action, `withAction(action, output)` for another output too, or nothing. Default: nothing. */
  post(_args: NodeArgs<State, PrepRes, ExecRes>): unknown {
    return undefined;
  }
}

/** What does the work of a node as a function: it gets its input, and returns its output. Actions are called the same way. */
// biome-ignore lint/suspicious/noExplicitAny: what a node gets is decided by edges, which types do not follow
export type NodeFunction<State extends object = any> = (input: any, args: NodeArgs<State>) => unknown;

/** A class whose instances are nodes; a new one is made for each execution. */
export type NodeClass = new () => Node;

/** What does the work of a node: a function, a kernel action, a class, an instance that all executions share, or a flow. */
// biome-ignore lint/suspicious/noExplicitAny: as for the arguments
export type NodeImplementation<State extends object = any> = NodeFunction<State> | NodeClass | AbstractNode;

/** What blueprints use, by name: what does the work of nodes, what decides and transforms on edges, flows as data. */
export type Registry = Readonly<Record<string, NodeImplementation | Graph>>;

/** Wraps the execution of nodes: what it returns is what the node returns. It may call `next` once, again, or not at all. */
export type NodeMiddleware = (args: NodeArgs, next: () => Promise<unknown>) => unknown;

/** A graph that stands as a node in another: what a runtime has to know of a flow. */
// biome-ignore lint/suspicious/noExplicitAny: as for the arguments
export abstract class FlowNode<State extends object = any> extends AbstractNode {
  /** The type of its context; there is no such property. */
  declare readonly contextType?: State;
  /** What its blueprint uses. */
  abstract readonly registry: Registry;
  abstract readonly middleware: readonly NodeMiddleware[];
  /** Policies of nodes that are no data: functions, objects. */
  abstract readonly policies: ReadonlyMap<string, OwnPolicies>;
  /** How keys of the context are merged, where the flow says so. */
  abstract readonly merge: Readonly<Record<string, MergeFunction>>;
  abstract readonly startNode: AbstractNode | undefined;
  abstract toBlueprint(): WorkflowBlueprint;
}
