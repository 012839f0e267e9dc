import { Cancellation } from '../../kernel/cancellation.js';
import { currentScope, enter, type Scope } from '../../kernel/scope/process.js';
import type {
  ExecutionServices,
  IOrchestrator,
  NodeExecutionResult,
  NodeExecutor,
  NodeExecutorFactory,
} from '../contracts.js';
import { type Advance, asNodeError, settle, standInForAll } from '../execution/settle.js';
import type { WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser, ReadyNode } from '../run/traverser.js';
import { conclude } from './conclude.js';

/**
 * The default orchestrator: advances a run until no more nodes can be executed. Each node starts as soon as it is ready
 * and the number of running nodes is below `concurrency`, so a slow node delays only the nodes that depend on it. With
 * `failFast`, the first failure that no fallback recovers aborts the running nodes.
 *
 * @example
 * const result = await runtime.run(flow, {}, { orchestrator: new RunToCompletionOrchestrator() });
 */
export class RunToCompletionOrchestrator implements IOrchestrator {
  /**
   * Advances the run until no node is ready or running, then returns its result. Rejects only if the outcome of a node
   * cannot be saved, after the running nodes have ended.
   */
  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    state.position = traverser.position;
    const advance = { traverser, state, services };
    const toCompletion = async () => {
      if (traverser.getFallbackNodeIds().size > 0) await standInForAll(advance);
      await new Pump(advance, executorFactory).run();
    };
    const { signal } = services.options;
    if (signal?.aborted) state.aborted = { reason: signal.reason };
    else await (services.inProcess === undefined ? toCompletion() : services.inProcess(state, toCompletion));
    return conclude(traverser, state, services);
  }
}

/** Keeps up to `concurrency` nodes running until no node is ready. */
class Pump {
  readonly #waiting: ReadyNode[] = [];
  #next = 0;
  #active = 0;
  #failure: { readonly error: unknown } | undefined = undefined;
  #isStopped = false;
  readonly #scope = currentScope() as Scope;
  /** Aborts the running nodes when a node fails and `failFast` is set. */
  readonly #group: Cancellation | undefined;
  readonly #executorOf: (nodeId: string) => NodeExecutor;
  readonly #concurrency: number;
  #done: () => void = () => {};

  constructor(
    private readonly advance: Advance,
    executorFactory: NodeExecutorFactory,
  ) {
    this.#executorOf = executorFactory(advance.traverser.getDynamicBlueprint());
    const { concurrency = Infinity, failFast = false } = advance.services.options;
    this.#concurrency = concurrency;
    this.#group = failFast ? new Cancellation([this.#scope?.cancellation], true) : undefined;
  }

  async run(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#done = resolve;
      if (this.#group === undefined) this.#pump();
      else enter({ ...this.#scope, cancellation: this.#group, outer: this.#scope }, () => this.#pump());
    });
    this.#group?.close();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #pump(): void {
    const { traverser } = this.advance;
    this.#checkAbort();
    while (!this.#isStopped && this.#active < this.#concurrency) {
      if (this.#next === this.#waiting.length && !this.#refill()) break;
      const ready = this.#waiting[this.#next++] as ReadyNode;
      this.#active++;
      this.#start(ready);
    }
    if (this.#active === 0 && (this.#isStopped || !traverser.hasMoreWork())) this.#done();
  }

  #refill(): boolean {
    const { traverser } = this.advance;
    if (!traverser.hasMoreWork()) return false;
    this.#waiting.length = 0;
    this.#next = 0;
    for (const ready of traverser.getReadyNodes()) this.#waiting.push(ready);
    return this.#waiting.length > 0;
  }

  /** Prevents further nodes from starting once the run is aborted. */
  #checkAbort(): void {
    const { state, services } = this.advance;
    for (const source of [this.#scope?.cancellation, services.options.signal]) {
      if (!source?.aborted || this.#isStopped) continue;
      this.#isStopped = true;
      state.aborted = { reason: source.reason };
    }
  }

  #start(ready: ReadyNode): void {
    const { nodeId, visit } = ready;
    const { state, traverser, services } = this.advance;
    try {
      const input = services.resolveNodeInput(nodeId, traverser.getDynamicBlueprint(), state.getContext());
      const execution =
        input instanceof Promise
          ? input.then((value) => this.#executorOf(nodeId).execute(value, state, visit))
          : this.#executorOf(nodeId).execute(input, state, visit);
      execution.then(
        (result) => this.#settle(nodeId, result),
        (error) => this.#settle(nodeId, { status: 'failed', error: asNodeError(nodeId, error) }),
      );
    } catch (error) {
      this.#settle(nodeId, { status: 'failed', error: asNodeError(nodeId, error) });
    }
  }

  #settle(nodeId: string, result: NodeExecutionResult): void {
    try {
      const settling = settle(this.advance, nodeId, result);
      if (settling === undefined) this.#settled(nodeId);
      else
        settling.then(
          () => this.#settled(nodeId),
          (error) => this.#break(nodeId, error),
        );
    } catch (error) {
      this.#break(nodeId, error);
    }
  }

  /** Handles an outcome that cannot be saved: no more nodes start, and running nodes are awaited. */
  #break(nodeId: string, error: unknown): void {
    this.#failure ??= { error };
    this.#isStopped = true;
    this.#settled(nodeId);
  }

  #settled(nodeId: string): void {
    this.#active--;
    if (this.#group !== undefined && this.advance.traverser.position.hasFailed(nodeId)) {
      this.#isStopped = true;
      this.#group.abort(this.advance.state.errorOf(nodeId));
    }
    this.#pump();
  }
}
