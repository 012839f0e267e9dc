import { inspect } from 'node:util';
import type { Cancellation } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/process.js';
import type { Logger } from '../../shared/logger.js';
import type { NodeDefinition } from '../blueprint.js';
import type { NodeView } from '../checkpoint/saved-context.js';
import type { IExecutor, NodeArgs } from '../node.js';
import type { WorkflowState } from '../run/state.js';
import { segmentOf } from './keys.js';

/** A retry that is made by whoever executes a node. */
export interface Postponement {
  /** After so many milliseconds. */
  readonly delay: number;
  /** Whether it uses up one of the retries. */
  readonly consumed: boolean;
}

/** What the nodes of a run have in common. */
export interface CallSettings {
  readonly executor: IExecutor;
  readonly logger: Logger;
  readonly dependencies: unknown;
  /** Of flow and run. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Of the run. */
  readonly maxVisits: number | undefined;
  /** How many sub-flows the run is in. */
  readonly depth: number;
  /** What the keys of its effects begin with. Default: the id of the run. */
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

/** Of a node that is executed outside of any run. */
export const noSettings = { params: {}, maxVisits: undefined, depth: 0, concurrency: undefined, failFast: undefined };

const noParams = {};
const isCancelled = () => currentScope()?.cancellation.aborted ?? false;

/** Leads to the call behind what a node is given. */
export const behind = Symbol('call');

/** What nodes see of a call. */
const shown: readonly PropertyKey[] = [
  ...(['nodeId', 'runId', 'visit', 'attempt', 'index', 'input', 'context', 'params', 'idempotencyKey'] as const),
  ...(['signal', 'isCancelled', 'logger', 'dependencies', 'executor', 'prepRes', 'execRes', 'error'] as const),
] satisfies readonly (keyof NodeArgs)[];

const hidden: readonly PropertyKey[] = [
  ...(['node', 'state', 'settings', 'postponed', 'args', 'own', 'try'] as const),
] satisfies (keyof NodeCall)[];

/**
 * Lets all that nodes see count as own properties, so that copies (`{ ...args }`) have it. Real ones would have to be made
 * for each call, and an abort controller alone costs more than all the rest of a node. What middleware adds is seen too.
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

/** The call behind the arguments of a task. */
export function callIn(args: readonly unknown[]): NodeCall {
  return (args[1] as NodeCall)[behind];
}

/** One execution of a node, filled in as it goes. Everything is made when it is read. */
export class NodeCall implements NodeArgs {
  /** How often it was tried. */
  attempt = 0;
  prepRes: unknown = undefined;
  execRes: unknown = undefined;
  error: unknown = undefined;
  /** That it is to be tried again, where whoever executes it sees to that. */
  postponed: Postponement | undefined = undefined;
  #args: NodeArgs | undefined = undefined;

  constructor(
    readonly node: NodeDefinition,
    public input: unknown,
    readonly state: WorkflowState,
    readonly visit: number,
    readonly settings: CallSettings,
    readonly index?: number,
    /** What it sees of the context, and its input, where it has a view of its own. */
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
   * One attempt of several: what it does to the context counts if it succeeds. It gets the input anew, because the attempt
   * before may have changed that.
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

  /** What the node, its middleware and hooks are given. */
  get args(): NodeArgs {
    this.#args ??= new Proxy(this, view);
    return this.#args;
  }

  /** What is printed of it. */
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
