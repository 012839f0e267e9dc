import type { Plan } from '../plan/plan.js';
import type { WorkflowState } from '../run/state.js';

/** What the arcs of a node pass on, visit after visit. */
export class PassedOn {
  /** What they have passed on before, while it is found out what they pass on now. */
  readonly #before = new Map<number, { readonly value: unknown } | undefined>();

  constructor(private readonly plan: Plan) {}

  /** Puts aside what the arcs of a node have passed on before: transforms will say what they pass on now. */
  putAside(node: number, { memory: { passed } }: WorkflowState): void {
    const { outFrom } = this.plan;
    this.#before.clear();
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      this.#before.set(arc, passed.has(arc) ? { value: passed.get(arc) } : undefined);
      passed.delete(arc);
    }
  }

  /**
   * Has the arcs of a node pass on what is said now, once it is known which of them count. An arc out of a loop that does
   * not count this time has still passed on what it did when it counted.
   *
   * @param taken - the arcs that count as taken
   */
  keep(node: number, known: WorkflowState, taken: ReadonlySet<number>): void {
    const { passed } = known.memory;
    const output = known.data.written(this.plan.idOf(node))?.value;
    for (const [arc, before] of this.#before) {
      const isBack = (this.plan.backOf[arc] as number) >= 0;
      const isExit = (this.plan.exitOf[arc] as number) >= 0;
      if (!taken.has(arc)) {
        if (isExit && before !== undefined) passed.set(arc, before.value);
        else passed.delete(arc);
      } else if ((isBack || isExit) && !passed.has(arc)) passed.set(arc, output);
    }
    this.#before.clear();
  }
}
