import { sourceOf } from '../../kernel/actions/action.js';
import { failureOf } from '../../kernel/errors.js';
import type { AnyLimit } from '../../kernel/policies/limit.js';
import { noPolicies, overDefaults, type Policies, type Policy } from '../../kernel/policies/policy.js';
import type { RetryOptions } from '../../kernel/policies/retry.js';
import type { StoredTimeout } from '../../kernel/policies/timeout.js';
import type { AnyFunction } from '../../shared/validate.js';
import type { NodeHealth } from '../health.js';
import type { PlannedNode } from '../plan.js';
import { type Bench, NodeRunner } from './runner.js';

/** The nodes of a loop, from one restart to the next. */
export class Nodes {
  readonly runners: ReadonlyMap<PlannedNode, NodeRunner>;

  /**
   * @param bench - the environment of the nodes, with the default policies
   * @param before - the nodes before a restart, whose counters are continued
   */
  constructor(nodes: readonly PlannedNode[], bench: Bench, before?: Nodes) {
    const runnerOf = (node: PlannedNode) => {
      const own = { ...bench, policies: policiesOf(node, bench) };
      return new NodeRunner(node, own, before?.runners.get(node));
    };
    this.runners = new Map(nodes.map((node) => [node, runnerOf(node)]));
  }

  get(node: PlannedNode): NodeRunner {
    return this.runners.get(node) as NodeRunner;
  }

  get health(): NodeHealth[] {
    return [...this.runners.values()].map(({ health }) => health);
  }

  /** Sets up the nodes one after the other, in the order of definition, until the signal aborts. */
  async setUp(signal: AbortSignal): Promise<void> {
    for (const runner of this.runners.values()) {
      signal.throwIfAborted();
      await runner.setUp();
    }
    signal.throwIfAborted();
  }

  /**
   * Cleans up all nodes, even if some of them fail.
   *
   * @returns the first error, if any
   */
  async cleanUp(onFailure: (nodeId: string, error: Error) => void): Promise<Error | undefined> {
    let first: Error | undefined;
    for (const runner of this.runners.values()) {
      try {
        await runner.cleanUp();
      } catch (thrown) {
        const error = failureOf(thrown, runner.node.id);
        onFailure(runner.node.id, error);
        first ??= error;
      }
    }
    return first;
  }

  /** Waits until no call of a non-blocking node is in flight. */
  async settled(): Promise<void> {
    for (const runner of this.runners.values()) while (runner.inFlight > 0) await runner.slot;
  }
}

/**
 * Returns the policies of a node. The settings of the node override the settings of its action or, if the node is not
 * an action, the settings of the orchestrator.
 */
function policiesOf({ definition, implementation, limit }: PlannedNode, { core, policies }: Bench): Policies {
  const { retry, timeout, policy } = definition;
  const own = {
    retry: retry as RetryOptions | null | undefined,
    timeout: (typeof timeout === 'number' ? { attempt: timeout } : timeout) as StoredTimeout | null | undefined,
    policy: policy as readonly Policy[] | null | undefined,
    limit: limit as readonly AnyLimit[] | null | undefined,
  };
  if (definition.policies === 'none') return overDefaults(own, noPolicies);
  const source = sourceOf(implementation as AnyFunction);
  return overDefaults(own, source?.core === core ? source.policies : policies);
}
