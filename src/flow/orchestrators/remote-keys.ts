import type { MaybePromise } from '../contracts.js';
import type { Plan } from '../plan/plan.js';
import type { RunStore } from './run-store.js';
import { isFirst, nameOf, outerOf, type Turns } from './turns.js';

/**
 * What is set down of a run, under which keys. All of it is guards: what has been decided once stays so.
 *
 *     decided     how a node has ended, and which of its arcs are taken
 *     recovered   the same of its fallback in its place
 *     recovering  a node has failed, and its fallback is to stand in for it
 *     fanin       for each predecessor of a join, whether its arc was taken; and a counter of those that have arrived
 *     joinlock    the job that has released a node
 *     settled     a node is completed or skipped; `owners` counts those of a fallback, `members` those of a loop
 *     ended       an inner loop has ended
 *     exit        the turn in which an arc out of a loop was first taken
 *     again       an arc that repeats a loop was taken
 *     repeated    the job that has begun a turn at this header
 *     turn        which turn a loop is in
 *     visits      the turn of each visit of a node in a loop
 *     alive       the run was under way at this time
 */
export class RemoteKeys {
  constructor(
    readonly plan: Plan,
    readonly store: RunStore,
    readonly turns: Turns,
  ) {}

  /** The turn that a node is in, of its innermost loop. */
  turnOf(node: number): MaybePromise<string> {
    return this.turns.of(this.plan.loopOf[node] as number);
  }

  isHeader(node: number): boolean {
    return this.plan.loops[this.plan.loopOf[node] as number]?.headers.includes(node) ?? false;
  }

  /** A key about what a node does. */
  own(kind: string, node: number): MaybePromise<string> {
    return soon(this.turnOf(node), (turn) => this.store.key(kind, turn, this.plan.idOf(node)));
  }

  /**
   * A key about how a node is entered. A header is entered once for all turns of its loop, in a turn of the loop around.
   */
  entering(kind: string, node: number, ...details: readonly string[]): MaybePromise<string> {
    return soon(this.turnOf(node), (turn) => {
      const entry = this.isHeader(node) ? outerOf(turn) : turn;
      return this.store.key(kind, entry, this.plan.idOf(node), ...details);
    });
  }

  /** A key about an arc, of how its target is entered. */
  along(kind: string, arc: number): MaybePromise<string> {
    return this.entering(kind, this.plan.arcTarget[arc] as number, this.sourceOf(arc));
  }

  /** That an arc repeats a loop in a turn. */
  again(arc: number, turn: string): string {
    return this.store.key('again', turn, this.plan.idOf(this.plan.arcTarget[arc] as number), this.sourceOf(arc));
  }

  ofLoop(kind: string, loop: number): MaybePromise<string> {
    return soon(this.turns.of(loop), (turn) => this.store.key(kind, turn, nameOf(this.plan, loop)));
  }

  /** That an inner loop has ended. */
  endOf(loop: number): MaybePromise<string> {
    return soon(this.turns.of(loop), (turn) => this.store.key('ended', outerOf(turn), nameOf(this.plan, loop)));
  }

  /** The job that has made a node ready. */
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

  /** The arcs that a node's join waits for, or those that repeat the loop that it is the header of. */
  arcsInto(node: number, { back }: { readonly back: boolean }): number[] {
    const { into, backOf } = this.plan;
    const arcs = [...into.arcs.subarray(into.from[node], into.from[node + 1])];
    return arcs.filter((arc) => (backOf[arc] as number) >= 0 === back);
  }

  private sourceOf(arc: number): string {
    return this.plan.idOf(this.plan.arcSource[arc] as number);
  }
}

/** What follows from a value that may be there at once. */
function soon<Value, Next>(value: MaybePromise<Value>, next: (value: Value) => MaybePromise<Next>): MaybePromise<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
}
