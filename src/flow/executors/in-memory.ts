import {
  type AbstractNode,
  type ContinueOptions,
  type FlowNode,
  followerOf,
  type IExecutor,
  type RunOptions,
} from '../node.js';
import type { Context, WorkflowResult } from '../run/result.js';
import { FlowRuntime } from '../runtime.js';

/**
 * The default executor: runs flows in this program, by means of a `FlowRuntime`. Pass an instance as the `executor`
 * option of a run, or call its `run` method directly.
 *
 * @example
 * const executor = new InMemoryExecutor(new FlowRuntime({ dependencies: { db } }));
 * const result = await executor.run(flow, { orderId: 42 });
 */
export class InMemoryExecutor implements IExecutor {
  /** @param runtime - the runtime that runs the flows. Default: a new one without options */
  constructor(private readonly runtime: FlowRuntime = new FlowRuntime()) {}

  run<State extends object = Context>(
    flow: FlowNode,
    context?: Partial<State>,
    options?: RunOptions,
  ): Promise<WorkflowResult<State>> {
    return this.runtime.run(flow, context, { executor: this, ...options });
  }

  continue<State extends object = Context>(
    flow: FlowNode,
    run: string | WorkflowResult,
    options?: ContinueOptions,
  ): Promise<WorkflowResult<State>> {
    return this.runtime.continue(flow, run, options);
  }

  /** @deprecated Since 0.9: another name of `continue`. */
  resume<State extends object = Context>(
    flow: FlowNode,
    run: string | WorkflowResult,
    options?: ContinueOptions,
  ): Promise<WorkflowResult<State>> {
    return this.continue(flow, run, options);
  }

  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return followerOf(node, action);
  }
}
