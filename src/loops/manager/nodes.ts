import { sourceOf } from '../../kernel/action.js';
import { failureOf } from '../../kernel/errors.js';
import { noPolicies, overDefaults, type Policies } from '../../kernel/policy.js';
import type { RetryOptions } from '../../kernel/retry.js';
import type { AnyFunction } from '../../shared/validate.js';
import type { NodeHealth } from '../health.js';
import type { PlannedNode } from '../plan.js';
import { type Bench, NodeRunner } from './runner.js';

/** The nodes of a loop from one restart to the next. */
export class Nodes {
  readonly runners: ReadonlyMap<PlannedNode, NodeRunner>;

  /**
   * @param bench - with the default policies
   * @param before - those before a restart: their counts go on
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

  /** One after the other, in order of definition, until the signal aborts. */
  async setUp(signal: AbortSignal): Promise<void> {
    for (const runner of this.runners.values()) {
      signal.throwIfAborted();
      await runner.setUp();
    }
    signal.throwIfAborted();
  }

  /** Each node, whatever becomes of the others. @returns the first error */
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

  /** What non-blocking nodes have begun has ended. */
  async settled(): Promise<void> {
    for (const runner of this.runners.values()) while (runner.inFlight > 0) await runner.slot;
  }
}

/** An action brings its own defaults; what the node says is over them. */
function policiesOf({ definition, implementation }: PlannedNode, { core, policies }: Bench): Policies {
  const { retry, timeout } = definition;
  const own = {
    retry: retry as RetryOptions | null | undefined,
    timeout: typeof timeout === 'number' ? { attempt: timeout } : timeout,
  };
  if (definition.policies === 'none') return overDefaults(own, noPolicies);
  const source = sourceOf(implementation as AnyFunction);
  return overDefaults(own, source?.core === core ? source.policies : policies);
}
