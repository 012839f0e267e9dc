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

/** Runs flows in this program: the default. */
export class InMemoryExecutor implements IExecutor {
  /** @param runtime - what it runs them with. Default: a new one */
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
