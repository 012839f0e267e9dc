import { inspect } from 'node:util';
import type { Cancellation } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/process.js';
import type { Logger } from '../../shared/logger.js';
import type { NodeDefinition } from '../blueprint.js';
import type { NodeView } from '../checkpoint/saved-context.js';
import type { IExecutor, NodeArgs } from '../node.js';
import type { WorkflowState } from '../run/state.js';
import { segmentOf } from './keys.js';

/** A retry that is scheduled by the orchestrator of the node, not by the task itself. */
export interface Postponement {
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  /** If true, the attempt uses up one of the retries. */
  readonly consumed: boolean;
}

/** The settings that all nodes of a run share. */
export interface CallSettings {
  readonly executor: IExecutor;
  readonly logger: Logger;
  readonly dependencies: unknown;
  /** The parameters of the flow and of the run. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The maximum number of visits of a node, as set for the run. */
  readonly maxVisits: number | undefined;
  /** The number of sub-flows around the run. */
  readonly depth: number;
  /** The path at the start of the idempotency keys of its nodes. Default: the id of the run. */
  readonly path?: string | undefined;
  readonly concurrency: number | undefined;
  readonly failFast: boolean | undefined;
}

const settings = new WeakMap<WorkflowState, CallSettings>();

export function settingsOf(state: WorkflowState): CallSettings | undefined {
  return settings.get(state);
}

export function setSettings(state: WorkflowState, of: CallSettings): void {
  settings.set(state, of);
}

/** The settings of a node that is executed outside of any run. */
export const noSettings = { params: {}, maxVisits: undefined, depth: 0, concurrency: undefined, failFast: undefined };

const noParams = {};
const isCancelled = () => currentScope()?.cancellation.aborted ?? false;

/** The key under which the arguments of a node give access to their `NodeCall`. */
export const behind = Symbol('call');

/** The properties that nodes see. */
const shown: readonly PropertyKey[] = [
  ...(['nodeId', 'runId', 'visit', 'attempt', 'index', 'input', 'context', 'params', 'idempotencyKey'] as const),
  ...(['signal', 'isCancelled', 'logger', 'dependencies', 'executor', 'prepRes', 'execRes', 'error'] as const),
] satisfies readonly (keyof NodeArgs)[];

const hidden: readonly PropertyKey[] = [
  ...(['node', 'state', 'settings', 'postponed', 'args', 'own', 'try'] as const),
] satisfies (keyof NodeCall)[];

/**
 * Presents everything that nodes may see as own properties, so that copies (`{ ...args }`) have it. Real properties
 * would have to be computed for each call, and an abort controller alone costs more than everything else about a node.
 * Properties added by middleware are visible, too.
 */
const view: ProxyHandler<NodeCall> = {
  get: (call, key) => call[key as keyof NodeCall],
  ownKeys(call) {
    const added = Reflect.ownKeys(call).filter((key) => !shown.includes(key) && !hidden.includes(key));
    return [...shown, ...added] as string[];
  },
  getOwnPropertyDescriptor(call, key) {
    const isOwn = shown.includes(key) || (Object.hasOwn(call, key) && !hidden.includes(key));
    if (!isOwn) return undefined;
    return { value: call[key as keyof NodeCall], enumerable: true, configurable: true, writable: true };
  },
};

/** The `NodeCall` behind the arguments of a task. */
export function callIn(args: readonly unknown[]): NodeCall {
  return (args[1] as NodeCall)[behind];
}

/** A single execution of a node. Fields are set as the execution proceeds; getters compute values on demand. */
export class NodeCall implements NodeArgs {
  /** The number of attempts so far. */
  attempt = 0;
  prepRes: unknown = undefined;
  execRes: unknown = undefined;
  error: unknown = undefined;
  /** Set if the node is to be tried again by the orchestrator that executes it. */
  postponed: Postponement | undefined = undefined;
  #args: NodeArgs | undefined = undefined;

  constructor(
    readonly node: NodeDefinition,
    public input: unknown,
    readonly state: WorkflowState,
    readonly visit: number,
    readonly settings: CallSettings,
    readonly index?: number,
    /** The view on the context and the input, if the node has a view of its own. */
    readonly own?: NodeView,
  ) {}

  get nodeId(): string {
    return this.node.id;
  }

  get runId(): string {
    return this.state.runId;
  }

  get context() {
    if (this.own === undefined) return this.state.getContext();
    const { view, tried } = this.own;
    return (tried?.cancellation.aborted === false ? tried.view : view).context;
  }

  /**
   * Runs one of several attempts in a layer of its own: the changes of the context count only if the attempt succeeds.
   * The input is resolved again, because the previous attempt may have changed it.
   */
  async try(
    own: NodeView,
    cancellation: Cancellation,
    input: unknown,
    attempt: (input: unknown) => unknown,
  ): Promise<unknown> {
    const tried = { view: own.view.layer(), cancellation };
    own.tried = tried;
    this.input = own.inputOf === undefined ? input : own.inputOf(tried.view.context);
    try {
      const result = await attempt(this.input);
      if (own.tried === tried && !cancellation.aborted) own.view.absorb(tried.view);
      return result;
    } finally {
      if (own.tried === tried) own.tried = undefined;
    }
  }

  get params(): Readonly<Record<string, unknown>> {
    const { params = noParams } = this.node;
    return { ...this.settings.params, ...params };
  }

  get signal(): AbortSignal {
    return currentScope()?.cancellation.signal ?? new AbortController().signal;
  }

  get idempotencyKey(): string {
    const { runId, nodeId, visit, index, settings } = this;
    const path = settings.path ?? segmentOf(runId);
    return `${path}/${segmentOf(nodeId)}/${visit}${index === undefined ? '' : `/${index}`}`;
  }

  get isCancelled(): () => boolean {
    return isCancelled;
  }

  get [behind](): NodeCall {
    return this;
  }

  /** The arguments for the node, its middleware and hooks. */
  get args(): NodeArgs {
    this.#args ??= new Proxy(this, view);
    return this.#args;
  }

  /** Prints the visible properties. */
  [inspect.custom](): object {
    return { ...this.args };
  }

  get executor(): IExecutor {
    return this.settings.executor;
  }

  get logger(): Logger {
    return this.settings.logger;
  }

  get dependencies(): unknown {
    return this.settings.dependencies;
  }
}
