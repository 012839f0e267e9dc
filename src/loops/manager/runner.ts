import {
  type Definition,
  defineWork,
  functionOf,
  mostFollowed,
  newTask,
  performIn,
  sourceOf,
  unshared,
} from '../../kernel/actions/action.js';
import { taskChannel } from '../../kernel/hooks/channels.js';
import { isInstrumented, isWatched } from '../../kernel/hooks/instrumentation.js';
import { actions, type FallbackCall } from '../../kernel/policies/fallback.js';
import { applyPolicies, type Policies } from '../../kernel/policies/policy.js';
import { isRetried, type RetryContext } from '../../kernel/policies/retry.js';
import { follow, type Scope } from '../../kernel/scope/process.js';
import { textOf } from '../../shared/errors.js';
import type { AnyFunction } from '../../shared/validate.js';
import type { NodeHealth, NodeState } from '../health.js';
import type { BaseNode, LoopNodeConfig } from '../node.js';
import { isNodeClass } from '../node-class.js';
import type { PlannedNode } from '../plan.js';
import type { IterationData } from './iteration.js';

type Call = (data: IterationData) => unknown;

/** The environment in which nodes are called. */
export interface Bench {
  readonly core: Definition['core'];
  readonly policies: Policies;
  readonly scope: Scope;
  configOf(node: PlannedNode): LoopNodeConfig;
  onState(nodeId: string, state: NodeState, error?: unknown): void;
}

/**
 * Calls one node, and keeps its object, its policies and its state. A call is a task of the kernel if there are hooks,
 * middleware, subscribers or policies. Otherwise it is a plain function call, which is much faster.
 */
export class NodeRunner {
  calls = 0;
  errors = 0;
  retries = 0;
  dropped = 0;
  inFlight = 0;
  state: NodeState = 'healthy';
  error: string | undefined = undefined;
  readonly #definition: Definition;
  /** The definition for calls that belong to a trace. Created when first needed. */
  #tracedDefinition: Definition | undefined = undefined;
  readonly #hasPolicies: boolean;
  #object: BaseNode | undefined = undefined;
  #call: Call = missing;
  #onSlot: (() => void) | undefined = undefined;

  constructor(
    readonly node: PlannedNode,
    private readonly bench: Bench,
    /** The runner before a restart, whose counters are continued. */
    before?: NodeRunner,
  ) {
    if (before !== undefined) {
      const { calls, errors, retries, dropped, state, error } = before;
      Object.assign(this, { calls, errors, retries, dropped, state, error });
    }
    const { retry, timeout, policy, limit, fallback } = bench.policies;
    const isLimited = Object.keys(timeout).length > 0;
    this.#hasPolicies = isRetried(retry) || isLimited || (policy ?? limit ?? fallback) !== undefined;
    this.#definition = this.#define((data) => this.#attempt(data));
  }

  /** Creates the node object and sets it up. */
  async setUp(): Promise<void> {
    const { implementation, kind } = this.node;
    if (isNodeClass(implementation)) {
      const object = new implementation(this.bench.configOf(this.node));
      this.#object = object;
      this.#call = (data) => object.run(data);
      await object.setUp();
      return;
    }
    // Unwrap an action of the same orchestrator, so that its call is one task and not two.
    const source = sourceOf(implementation as AnyFunction);
    const fn = source?.core === this.bench.core ? functionOf(source) : unshared(implementation as AnyFunction);
    this.#call = kind === 'producer' ? (data) => fn(data) : (data) => fn(data.value, data);
  }

  async cleanUp(): Promise<void> {
    const object = this.#object;
    this.#object = undefined;
    this.#call = missing;
    await object?.cleanUp();
  }

  /** Calls the node. May throw or return a promise. */
  call(data: IterationData): unknown {
    this.calls++;
    const { core, scope } = this.bench;
    if (!this.#hasPolicies && !core.hooks.seeTasks && !isWatched(taskChannel)) {
      if (core.isAsked || this.calls <= mostFollowed) return this.#followed(data);
      data.attempt = 1;
      return this.#call(data);
    }
    if (isInstrumented()) return this.#performTraced(data);
    return performIn(this.#definition, [data.value, data], scope.process, scope);
  }

  succeeded(): void {
    if (this.state !== 'healthy') this.#become('healthy');
  }

  failed(error: unknown): void {
    this.errors++;
    this.error = textOf(error);
    this.#become('failing');
  }

  /** Registers a call of a non-blocking node that has not ended. */
  began(): void {
    this.inFlight++;
  }

  ended(): void {
    this.inFlight--;
    this.#onSlot?.();
    this.#onSlot = undefined;
  }

  /** Resolves when one of the calls in flight has ended. */
  get slot(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#onSlot;
      this.#onSlot = () => {
        before?.();
        resolve();
      };
    });
  }

  get health(): NodeHealth {
    const { calls, errors, retries, dropped, inFlight, state, error } = this;
    return { nodeId: this.node.id, state, calls, errors, retries, dropped, inFlight, error };
  }

  /** Calls the node as a task that nothing observes, for code that asks for the task at hand. */
  #followed(data: IterationData): unknown {
    const task = newTask(this.#definition, [data.value, data], this.bench.scope, undefined);
    data.attempt = 1;
    return follow(task, () => this.#call(data));
  }

  // A separate method, because inlining this code in `call` would slow down calls without a trace.
  #performTraced(data: IterationData): unknown {
    const { scope } = this.bench;
    this.#tracedDefinition ??= this.#define((traced) => {
      traced.hasTask();
      return this.#attempt(traced);
    });
    const definition = this.#tracedDefinition;
    return data.traced(() => performIn(definition, [data.value, data], scope.process, scope));
  }

  #define(attempt: Call): Definition {
    const { core, scope } = this.bench;
    const work = applyPolicies(
      this.#adapted(this.#noted(this.bench.policies)),
      ({ args, record }, { cancellation }) => {
        cancellation.throwIfAborted();
        if (record !== undefined) record.attempts++;
        const data = args[1] as IterationData;
        if (cancellation !== scope.cancellation) data.endsWith(cancellation);
        return attempt(data);
      },
    );
    return defineWork(core, this.node.id, work);
  }

  /** Extends the retry policy so that each failed attempt sets the state `retrying`. */
  #noted(policies: Policies): Policies {
    const { retry } = policies;
    if (retry === undefined || retry.retries === 0) return policies;
    const onFailedAttempt = (context: RetryContext) => {
      if (context.retriesLeft > 0) {
        this.error = String(context.error);
        this.#become('retrying', context.error);
      }
      return retry.onFailedAttempt?.(context);
    };
    return { ...policies, retry: { ...retry, onFailedAttempt } };
  }

  /**
   * Adapts the fallbacks of an action to a node: they receive what the function of the node receives, and a signal that
   * the timeout of the failed attempt has not aborted.
   */
  #adapted(policies: Policies): Policies {
    const { fallback } = policies;
    if (fallback === undefined) return policies;
    const { node, bench } = this;
    const adapted = fallback.map((one) => {
      const isAction = actions.has(one);
      return function (this: FallbackCall, value: unknown, data: IterationData) {
        data.endsWith(bench.scope.cancellation);
        const args = node.kind === 'producer' ? [data] : [value, data];
        return one.apply(isAction ? undefined : this, args);
      };
    });
    return { ...policies, fallback: adapted };
  }

  #attempt(data: IterationData): unknown {
    if (++data.attempt > 1) this.retries++;
    return this.#call(data);
  }

  #become(state: NodeState, error?: unknown): void {
    if (this.state === state) return;
    this.state = state;
    this.bench.onState(this.node.id, state, error);
  }
}

function missing(): never {
  throw new Error('the node was not set up: call setUp() first');
}
