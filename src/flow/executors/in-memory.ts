import {
  type AbstractNode,
  type ContinueOptions,
  type FlowNode,
  followerOf,
  type IExecutor,
  type ResultOptions,
  type RunOptions,
} from '../node.js';
import type { Context, WorkflowResult } from '../run/result.js';
import { FlowRuntime } from '../runtime.js';

/**
 * The default executor, which runs flows in this program with a `FlowRuntime`. Pass an instance as the `executor`
 * option of a run, or call its `run` method directly.
 *
 * @example
 * const executor = new InMemoryExecutor(new FlowRuntime({ dependencies: { db } }));
 * const result = await executor.run(flow, { orderId: 42 });
 */
export class InMemoryExecutor implements IExecutor {
  /** @param runtime - the runtime that runs the flows. Default: a new one without options */
  constructor(private readonly runtime: FlowRuntime = new FlowRuntime()) {}

  /**
   * Runs a flow from its start, like `FlowRuntime.run`. The promise resolves with a result even if the run fails or is
   * cancelled.
   *
   * @param flow - the flow
   * @param context - the data that the run starts with. Default: empty
   * @param options - the options of the run. Default: none
   */
  run<State extends object = Context>(
    flow: FlowNode,
    context?: Partial<State>,
    options?: RunOptions,
  ): Promise<WorkflowResult<State>> {
    return this.runtime.run(flow, context, { executor: this, ...options });
  }

  /**
   * Continues a run that is waiting, was cancelled or has failed, like `FlowRuntime.continue`.
   *
   * @param flow - the flow of the run
   * @param run - the result of the run, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - the options of the continued run, such as `events`. Default: none
   */
  continue<State extends object = Context>(
    flow: FlowNode,
    run: string | WorkflowResult,
    options?: ContinueOptions,
  ): Promise<WorkflowResult<State>> {
    return this.runtime.continue(flow, run, options);
  }

  /**
   * Reads the outcome of a run so far, like `FlowRuntime.result`.
   *
   * @param flow - the flow of the run
   * @param run - the result of the run, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - `checkpoint` is the store of the run. Default: none, `run` is a result or a snapshot
   */
  result<State extends object = Context>(
    flow: FlowNode,
    run: string | WorkflowResult,
    options?: ResultOptions,
  ): Promise<WorkflowResult<State>> {
    return this.runtime.result(flow, run, options);
  }

  /** @deprecated Since 0.9: use `continue`. */
  resume<State extends object = Context>(
    flow: FlowNode,
    run: string | WorkflowResult,
    options?: ContinueOptions,
  ): Promise<WorkflowResult<State>> {
    return this.continue(flow, run, options);
  }

  /** Returns the node that follows `node` in its flow after `action`, or `undefined` at the end of the flow. */
  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return followerOf(node, action);
  }
}
