import { untilAborted } from '../../kernel/cancellation.js';
import { captured } from '../../kernel/hooks/instrumentation.js';
import type { Policies } from '../../kernel/policies/policy.js';
import type { Core, Scope } from '../../kernel/scope/process.js';
import type { NodeState } from '../health.js';
import type { LoopHost } from '../host.js';
import type { LoopNodeConfig } from '../node.js';
import type { LoopPlan, PlannedNode } from '../plan.js';
import type { Iterations } from './iterations.js';
import { Nodes } from './nodes.js';
import type { Bench } from './runner.js';

/**
 * Creates the nodes of a loop and sets them up, at the start and at each restart. Cleans them up before a restart and
 * when the loop ends.
 */
export class NodeSetUp {
  /** Scope of the loop's process. Set when the loop starts. */
  scope: Scope | undefined = undefined;

  /** @param kernel - the kernel that calls the nodes, and its default policies */
  constructor(
    private readonly plan: LoopPlan,
    private readonly host: LoopHost,
    private readonly iterations: Iterations,
    private readonly kernel: { readonly core: Core; readonly policies: Policies },
  ) {}

  async setUp(): Promise<void> {
    const { plan, iterations } = this;
    const nodes = new Nodes(plan.nodes, this.#bench(), iterations.nodes);
    iterations.use(nodes);
    await nodes.setUp(iterations.signal);
  }

  /**
   * Cleans up all nodes.
   *
   * @returns the first error of a clean-up, if any
   */
  async cleanUp(): Promise<Error | undefined> {
    return this.iterations.nodes?.cleanUp((nodeId, error) => {
      this.host.report({ type: 'failure', nodeId, iteration: this.iterations.count, error });
    });
  }

  #bench(): Bench {
    return {
      ...this.kernel,
      scope: this.scope as Scope,
      configOf: (node: PlannedNode) => this.#configOf(node),
      onState: (nodeId: string, state: NodeState, error?: unknown) =>
        this.host.report({ type: 'node', nodeId, state, ...(error === undefined ? {} : { error }) }),
    };
  }

  #configOf({ id, definition }: PlannedNode): LoopNodeConfig {
    const { host, iterations } = this;
    return {
      loopId: iterations.loopId,
      nodeId: id,
      options: definition.options ?? {},
      messaging: { push: (queue, value) => this.#push(queue, value) },
      cursor: {
        get value() {
          return host.cursor;
        },
        save: (value) => iterations.saveCursor(value),
      },
    };
  }

  /** Pushes a value. An abort interrupts the wait for room. */
  #push(queue: string, value: unknown): void | Promise<void> {
    const { cancellation } = this.scope as Scope;
    const pushed = this.host.push(queue, value, captured());
    return pushed === undefined ? undefined : (untilAborted(cancellation, pushed) as Promise<void>);
  }
}
