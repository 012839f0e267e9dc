import { randomUUID } from 'node:crypto';
import { type AbstractNode, type FlowNode, FlowRuntime, type IExecutor, type RunOptions } from '../../flow/index.js';
import { followerOf } from '../../flow/node.js';
import type { Context, WorkflowResult } from '../../flow/run/index.js';
import { readAnyRunOptions } from '../../flow/run-options.js';
import { invalid } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { reasonFrom } from '../engines/texts.js';
import { RunStateError } from '../errors.js';
import { anEngine } from '../run/options.js';
import { DistributedOrchestrator } from './orchestrator.js';

/** Options of a run that mean nothing on a fleet: workers have their own, or the run is saved anyway. */
const elsewhere = ['orchestrator', 'checkpoint', 'concurrency', 'failFast', 'maxVisits', 'params'] as const;

/**
 * The fleet as an executor of the flow layer: runs a flow on an engine, and waits for it. Its nodes are executed by the
 * workers that know the flow.
 *
 * @example
 * const result = await flow.run({ orderId: '42' }, { executor: new DistributedExecutor(engine) });
 */
export class DistributedExecutor implements IExecutor {
  readonly #orchestrators = new WeakMap<FlowNode, DistributedOrchestrator>();

  /** @param runtime - whose serializer and registry hold. Default: a new one */
  constructor(
    private readonly engine: Engine,
    private readonly runtime: FlowRuntime = new FlowRuntime(),
  ) {
    anEngine(engine, 'engine');
  }

  /**
   * Starts a run and waits until it is over, however long it waits for signals. An abort of the signal cancels it; where
   * the signal has aborted already, the result is `cancelled` and the engine is not called.
   *
   * Rejects with `ValidationError` for options that mean nothing on a fleet.
   */
  async run<State extends object = Context>(
    flow: FlowNode<State>,
    context: Partial<State> = {},
    options: RunOptions = {},
  ): Promise<WorkflowResult<State>> {
    const read = readAnyRunOptions(options);
    for (const name of elsewhere) {
      if (read[name] !== undefined) throw invalid(name, 'left out: it is for workers to say', read[name]);
    }
    const { runId = randomUUID(), input, timeout, signal } = read;
    // A run that is aborted before it starts executes no node, wherever it runs: in process it writes nothing either.
    if (signal?.aborted) return this.runtime.run(flow, context, { runId, input, signal });
    const orchestrator = this.#orchestratorOf(flow);
    await orchestrator.startRun(context, input, { id: runId, timeout });
    await this.#wait(orchestrator, runId, signal);
    const result = (await orchestrator.result(runId)) as WorkflowResult<State>;
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
        // It was over before it could be cancelled.
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
