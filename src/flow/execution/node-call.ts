import { inspect } from 'node:util';
import type { Cancellation } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/scope/process.js';
import type { Logger } from '../../shared/logger.js';
import type { NodeDefinition } from '../blueprint.js';
import type { NodeView } from '../checkpoint/saved-context.js';
import type { NodeError } from '../errors.js';
import type { IExecutor, NodeArgs } from '../node.js';
import type { WorkflowState } from '../run/state.js';
import { segmentOf } from './keys.js';

/** A retry scheduled by the orchestrator of the node instead of the task itself. */
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
  /** The number of flows that the run is nested in. */
  readonly depth: number;
  /** The path that idempotency keys of the run's nodes start with. Default: the id of the run. */
  readonly path?: string | undefined;
  readonly concurrency: number | undefined;
  readonly failFast: boolean | undefined;
}

export function settingsOf({ settings }: WorkflowState): CallSettings | undefined {
  return settings as CallSettings | undefined;
}

export function setSettings(state: WorkflowState, of: CallSettings): void {
  state.settings = of;
}

/** The settings of a node that is executed outside any run. */
export const noSettings = { params: {}, maxVisits: undefined, depth: 0, concurrency: undefined, failFast: undefined };

const noParams = {};
const isCancelled = () => currentScope()?.cancellation.aborted ?? false;

/** The key under which the arguments of a node hold their `NodeCall`. */
export const behind = Symbol('call');

/** The properties that nodes see. */
const shown: readonly PropertyKey[] = [
  ...(['nodeId', 'runId', 'visit', 'attempt', 'index', 'input', 'context', 'params', 'idempotencyKey'] as const),
  ...(['signal', 'isCancelled', 'logger', 'dependencies', 'executor', 'prepRes', 'execRes', 'error'] as const),
  'failures' as const,
] satisfies readonly (keyof NodeArgs)[];

const hidden: readonly PropertyKey[] = [
  ...(['node', 'state', 'settings', 'postponed', 'args', 'own', 'try'] as const),
] satisfies (keyof NodeCall)[];

/**
 * Presents everything that nodes may see as own properties, so that copies such as `{ ...args }` include them. Real
 * properties would have to be computed for each call, and creating an abort controller alone costs more than all other
 * work for a node. Properties added by middleware are visible, too.
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

/** Returns the `NodeCall` behind the arguments of a task. */
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
  /** The next attempt, set if the orchestrator that executes the node is to try the node again. */
  postponed: Postponement | undefined = undefined;
  #args: NodeArgs | undefined = undefined;

  constructor(
    readonly node: NodeDefinition,
    public input: unknown,
    readonly state: WorkflowState,
    readonly visit: number,
    readonly settings: CallSettings,
    readonly index?: number,
    /** The node's own view of the context, with its input; `undefined` if the node has no view of its own. */
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
   * Runs one of several attempts in its own layer of the view, so that changes to the context are kept only if the
   * attempt succeeds. The input is resolved again, because the previous attempt may have changed it.
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

  get failures(): readonly NodeError[] {
    const { position } = this.state;
    const isFinal = ({ nodeId, recoveredBy }: NodeError) =>
      recoveredBy === undefined && (position === undefined || position.hasFailed(nodeId));
    return this.state.getErrors().filter(isFinal);
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
