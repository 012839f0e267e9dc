import { isPromiseLike } from '../../shared/promise-like.js';
import { InFlightError, RouteError } from '../errors.js';
import type { NodeData } from '../node.js';
import { isRouted, Routed } from '../outcomes.js';
import type { PlannedNode } from '../plan.js';
import { type Iteration, IterationData } from './iteration.js';
import type { NodeRunner } from './runner.js';

/** A promise to wait for, or undefined if the call has already completed. Most calls complete synchronously. */
type Pending = Promise<void> | undefined;

/** Default of `maxInFlight`. */
const mostInFlight = 100;

/** The loop that a chain belongs to. Receives the failures of nodes. */
export interface ChainOwner extends Pick<NodeData, 'loopId' | 'signal'> {
  failed(node: PlannedNode, value: unknown, iteration: Iteration, error: unknown): void;
}

/**
 * The nodes after a producer. A value goes to the successors of a node one after the other, in the order of their
 * edges. A successor and all nodes after it complete before the next successor is called:
 *
 * - A blocking node is awaited, and its output goes to its successors.
 * - A non-blocking node is called without waiting for its promise, and its input goes to its successors.
 * - If a node fails, its successors are skipped. Its siblings continue, unless the error policy pauses or ends the
 *   loop.
 */
export class Chain {
  constructor(
    private readonly runners: ReadonlyMap<PlannedNode, NodeRunner>,
    private readonly owner: ChainOwner,
  ) {}

  /** Passes the result of a node to its successors. */
  passOn(node: PlannedNode, returned: unknown, iteration: Iteration): Pending {
    if (isRouted(returned)) return this.#route(node, returned, iteration);
    return this.#forward(node.next, returned, iteration, 0);
  }

  /** Calls a node and then its successors. */
  visit(node: PlannedNode, value: unknown, iteration: Iteration): Pending {
    const runner = this.runners.get(node) as NodeRunner;
    if (node.kind === 'non-blocking') return this.#begin(node, runner, value, iteration);
    let returned: unknown;
    let isPending: boolean;
    try {
      returned = runner.call(new IterationData(value, node.id, iteration, this.owner));
      isPending = isPromiseLike(returned);
    } catch (thrown) {
      this.owner.failed(node, value, iteration, thrown);
      return undefined;
    }
    if (isPending) return this.#await(node, runner, value, returned as PromiseLike<unknown>, iteration);
    runner.succeeded();
    return this.passOn(node, returned, iteration);
  }

  async #await(
    node: PlannedNode,
    runner: NodeRunner,
    value: unknown,
    pending: PromiseLike<unknown>,
    iteration: Iteration,
  ): Promise<void> {
    let returned: unknown;
    try {
      returned = await pending;
    } catch (thrown) {
      this.owner.failed(node, value, iteration, thrown);
      return undefined;
    }
    runner.succeeded();
    return this.passOn(node, returned, iteration);
  }

  #route(node: PlannedNode, { targets, value }: Routed, iteration: Iteration): Pending {
    const next: PlannedNode[] = [];
    for (const target of targets) {
      const found = node.next.find(({ id }) => id === target);
      if (found === undefined) {
        const known = node.next.map(({ id }) => id);
        this.owner.failed(node, value, iteration, new RouteError(node.id, target, known));
        return undefined;
      }
      next.push(found);
    }
    return this.#forward(next, value, iteration, 0);
  }

  #forward(nodes: readonly PlannedNode[], value: unknown, iteration: Iteration, from: number): Pending {
    for (let index = from; index < nodes.length; index++) {
      if (iteration.isCut) return undefined;
      const pending = this.visit(nodes[index] as PlannedNode, value, iteration);
      if (pending !== undefined && index + 1 < nodes.length)
        return this.#forwardLater(pending, nodes, value, iteration, index + 1);
      if (pending !== undefined) return pending;
    }
    return undefined;
  }

  async #forwardLater(
    pending: Promise<void>,
    nodes: readonly PlannedNode[],
    value: unknown,
    iteration: Iteration,
    from: number,
  ) {
    await pending;
    return this.#forward(nodes, value, iteration, from);
  }

  /** Calls a non-blocking node, or applies its overflow policy if `maxInFlight` calls are in flight. */
  #begin(node: PlannedNode, runner: NodeRunner, value: unknown, iteration: Iteration): Pending {
    const { maxInFlight = mostInFlight, overflow = 'block' } = node.definition;
    if (runner.inFlight < maxInFlight) return this.#callBeside(node, runner, value, iteration);
    if (overflow === 'block') return this.#beginLater(node, runner, value, iteration);
    if (overflow === 'drop-newest') {
      runner.dropped++;
      return this.#forward(node.next, value, iteration, 0);
    }
    this.owner.failed(node, value, iteration, new InFlightError(node.id, maxInFlight));
    return undefined;
  }

  async #beginLater(node: PlannedNode, runner: NodeRunner, value: unknown, iteration: Iteration): Promise<void> {
    await runner.slot;
    return iteration.isCut ? undefined : this.#begin(node, runner, value, iteration);
  }

  #callBeside(node: PlannedNode, runner: NodeRunner, value: unknown, iteration: Iteration): Pending {
    let returned: unknown;
    let isPending: boolean;
    try {
      returned = runner.call(new IterationData(value, node.id, iteration, this.owner));
      isPending = isPromiseLike(returned);
    } catch (thrown) {
      this.owner.failed(node, value, iteration, thrown);
      return undefined;
    }
    if (isRouted(returned)) return this.#route(node, new Routed(returned.targets, value), iteration);
    if (isPending) this.#track(node, runner, value, returned as PromiseLike<unknown>, iteration);
    else runner.succeeded();
    return this.#forward(node.next, value, iteration, 0);
  }

  #track(
    node: PlannedNode,
    runner: NodeRunner,
    value: unknown,
    pending: PromiseLike<unknown>,
    iteration: Iteration,
  ): void {
    iteration.begin();
    runner.began();
    const ended = () => {
      runner.ended();
      iteration.end();
    };
    Promise.resolve(pending).then(
      () => {
        runner.succeeded();
        ended();
      },
      (thrown) => {
        this.owner.failed(node, value, iteration, thrown);
        ended();
      },
    );
  }
}
