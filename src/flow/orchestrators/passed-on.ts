import type { Plan } from '../plan/plan.js';
import type { WorkflowState } from '../run/state.js';

/** Tracks the values that the arcs of a node pass on in successive visits. */
export class PassedOn {
  /** The values of the previous visit, kept while the values of the current visit are being determined. */
  readonly #before = new Map<number, { readonly value: unknown } | undefined>();

  constructor(private readonly plan: Plan) {}

  /** Sets the values of the previous visit aside, so that transforms can set those of the current visit. */
  putAside(node: number, { memory: { passed } }: WorkflowState): void {
    const { outFrom } = this.plan;
    this.#before.clear();
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      this.#before.set(arc, passed.has(arc) ? { value: passed.get(arc) } : undefined);
      passed.delete(arc);
    }
  }

  /**
   * Sets the values that the arcs of a node pass on in this visit. If a loop exit is not taken in this visit, it keeps
   * the value of the visit that took it.
   *
   * @param taken - the arcs taken in this visit, except loop exits that an earlier iteration has already taken
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
