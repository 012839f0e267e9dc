import type { MaybePromise } from '../contracts.js';
import type { Plan } from '../plan/plan.js';
import type { RunStore } from './run-store.js';
import { isFirst, nameOf, outerOf, type Turns } from './turns.js';

/**
 * The keys under which the facts about a run are recorded. Apart from the counters, each key is a guard: once set, it
 * is never changed.
 *
 *     decided     how a node has ended, and which of its arcs are taken
 *     recovered   like `decided`, for the fallback's result in place of the node's own result
 *     recovering  a node has failed, and its fallback is to replace it
 *     fanin       how an arc from a predecessor to a join has ended (see `ArcEnd`); also a counter of such arcs
 *     joinlock    the job that made a node ready
 *     settled     a node has completed or was skipped, or cannot run because of a failure
 *     owners      a counter of the settled nodes that share a fallback
 *     members     a counter of the settled nodes of a loop
 *     ended       an inner loop has ended
 *     stuck       a failure keeps an iteration from ending
 *     exit        the iteration in which an arc out of a loop was first taken
 *     again       an arc that repeats a loop was taken
 *     repeated    the job that started an iteration at this header
 *     turn        the current iteration of a loop
 *     visits      the iteration of each visit of a node in a loop
 *     alive       the run was active in this time slot
 */
export class RemoteKeys {
  constructor(
    readonly plan: Plan,
    readonly store: RunStore,
    readonly turns: Turns,
  ) {}

  /** Returns the iteration of the innermost loop around a node. */
  turnOf(node: number): MaybePromise<string> {
    return this.turns.of(this.plan.loopOf[node] as number);
  }

  isHeader(node: number): boolean {
    return this.plan.loops[this.plan.loopOf[node] as number]?.headers.includes(node) ?? false;
  }

  /** Returns the key of a fact about a node in the current iteration. */
  own(kind: string, node: number): MaybePromise<string> {
    return soon(this.turnOf(node), (turn) => this.store.key(kind, turn, this.plan.idOf(node)));
  }

  /**
   * Returns the key of a fact about the entry into a node. A header is entered once for all iterations of its loop, so
   * its key contains the iteration of the surrounding loop.
   */
  entering(kind: string, node: number, ...details: readonly string[]): MaybePromise<string> {
    return soon(this.turnOf(node), (turn) => {
      const entry = this.isHeader(node) ? outerOf(turn) : turn;
      return this.store.key(kind, entry, this.plan.idOf(node), ...details);
    });
  }

  /** Returns the key of a fact about an arc, as part of the entry into the arc's target. */
  along(kind: string, arc: number): MaybePromise<string> {
    return this.entering(kind, this.plan.arcTarget[arc] as number, this.sourceOf(arc));
  }

  /** Returns the key that records that an arc repeats a loop after the given iteration. */
  again(arc: number, turn: string): string {
    return this.store.key('again', turn, this.plan.idOf(this.plan.arcTarget[arc] as number), this.sourceOf(arc));
  }

  ofLoop(kind: string, loop: number): MaybePromise<string> {
    return soon(this.turns.of(loop), (turn) => this.store.key(kind, turn, nameOf(this.plan, loop)));
  }

  /** Returns the key that records that an inner loop has ended. */
  endOf(loop: number): MaybePromise<string> {
    return soon(this.turns.of(loop), (turn) => this.store.key('ended', outerOf(turn), nameOf(this.plan, loop)));
  }

  /** Returns the key that holds the name of the job that made a node ready. */
  releaseOf(node: number): MaybePromise<string> {
    return soon(this.turnOf(node), (turn) =>
      this.isHeader(node) && !isFirst(turn) ? this.own('repeated', node) : this.entering('joinlock', node),
    );
  }

  visits(node: number): string {
    return this.store.key('visits', '', this.plan.idOf(node));
  }

  visit(node: number, number: number): string {
    return this.store.key('visits', '', this.plan.idOf(node), String(number));
  }

  /**
   * Returns the arcs into a node: with `back`, those that repeat its loop; otherwise, those that its join waits for.
   */
  arcsInto(node: number, { back }: { readonly back: boolean }): number[] {
    const { into, backOf } = this.plan;
    const arcs = [...into.arcs.subarray(into.from[node], into.from[node + 1])];
    return arcs.filter((arc) => (backOf[arc] as number) >= 0 === back);
  }

  private sourceOf(arc: number): string {
    return this.plan.idOf(this.plan.arcSource[arc] as number);
  }
}

/** Like `then`, but synchronous for a value that is not a promise. */
function soon<Value, Next>(value: MaybePromise<Value>, next: (value: Value) => MaybePromise<Next>): MaybePromise<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
}
