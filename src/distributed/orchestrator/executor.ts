import { randomUUID } from 'node:crypto';
import { type AbstractNode, type FlowNode, FlowRuntime, type IExecutor, type RunOptions } from '../../flow/index.js';
import { followerOf } from '../../flow/node.js';
import type { Context, WorkflowResult } from '../../flow/run/index.js';
import { idGiven, readAnyRunOptions } from '../../flow/run-options.js';
import { invalid } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { reasonFrom } from '../engines/texts.js';
import { RunStateError } from '../errors.js';
import { anEngine } from '../run/options.js';
import { DistributedOrchestrator } from './orchestrator.js';

/** Options of `flow.run` that have no meaning on a fleet, because workers have their own and every run is saved. */
const elsewhere = ['orchestrator', 'checkpoint', 'concurrency', 'failFast', 'maxVisits', 'params'] as const;

/**
 * An executor for `flow.run` that runs a flow on a fleet and waits for the result. The nodes are executed by workers
 * that were given the flow.
 *
 * @example
 * const result = await flow.run({ orderId: '42' }, { executor: new DistributedExecutor(engine) });
 */
export class DistributedExecutor implements IExecutor {
  readonly #orchestrators = new WeakMap<FlowNode, DistributedOrchestrator>();

  /**
   * @param engine - the engine of the fleet
   * @param runtime - the runtime, whose serializer and registry are used. Default: a new runtime
   */
  constructor(
    private readonly engine: Engine,
    private readonly runtime: FlowRuntime = new FlowRuntime(),
  ) {
    anEngine(engine, 'engine');
  }

  /**
   * Starts a run and waits until it has ended, even while the run itself waits for signals. When `options.signal`
   * aborts, the run is cancelled. If the signal has already aborted, the result is `cancelled` and the engine is not
   * called.
   *
   * @throws {ValidationError} for an option that has no meaning on a fleet, such as `concurrency`
   */
  async run<State extends object = Context>(
    flow: FlowNode<State>,
    context: Partial<State> = {},
    options: RunOptions = {},
  ): Promise<WorkflowResult<State>> {
    const read = readAnyRunOptions(options);
    for (const name of elsewhere) {
      if (read[name] !== undefined) throw invalid(name, 'left out: it has no effect on a fleet', read[name]);
    }
    const { input, timeout, signal } = read;
    const id = idGiven(read) ?? randomUUID();
    // A run that is aborted before its start executes no node, so running it in this process gives the same result.
    if (signal?.aborted) return this.runtime.run(flow, context, { id, input, signal });
    const orchestrator = this.#orchestratorOf(flow);
    await orchestrator.startRun(context, input, { id, timeout });
    await this.#wait(orchestrator, id, signal);
    const result = (await orchestrator.result(id)) as WorkflowResult<State>;
    return result.status === 'cancelled' && signal?.aborted ? Object.assign(result, { reason: signal.reason }) : result;
  }

  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return followerOf(node, action);
  }

  async #wait(orchestrator: DistributedOrchestrator, runId: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await orchestrator.waitForCompletion(runId, { signal });
    } catch (error) {
      if (!signal?.aborted) throw error;
      await orchestrator.cancel(runId, reasonFrom(signal.reason)).catch((refused) => {
        // `RunStateError` means that the run ended before it could be cancelled, so the error is ignored.
        if (!(refused instanceof RunStateError)) throw refused;
      });
    }
  }

  #orchestratorOf(flow: FlowNode): DistributedOrchestrator {
    const known = this.#orchestrators.get(flow);
    if (known !== undefined) return known;
    const orchestrator = new DistributedOrchestrator({ engine: this.engine, workflows: [flow], runtime: this.runtime });
    this.#orchestrators.set(flow, orchestrator);
    return orchestrator;
  }
}
