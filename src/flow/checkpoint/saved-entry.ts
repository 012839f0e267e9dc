import { ArcsByEnds } from '../plan/order.js';
import type { Plan } from '../plan/plan.js';
import type { RunHappening, SavedHappening } from '../run/saved.js';

/**
 * Converts an event for saving. Arcs are written as the ids of their targets, because arc numbers depend on the order
 * in which edges are declared.
 */
export function toSaved(plan: Plan, happening: RunHappening): SavedHappening {
  if (happening.type !== 'completed') return happening;
  const { arcs, passed, ...rest } = happening;
  const idOf = (arc: number) => plan.idOf(plan.arcTarget[arc] as number);
  return {
    ...rest,
    targets: arcs?.map(idOf),
    passed: passed.map(([arc, value]) => [idOf(arc), value]),
  };
}

/** Converts a saved event back. Versions up to 0.6 wrote arcs as numbers instead of ids. */
export function fromSaved(plan: Plan, saved: SavedHappening): RunHappening {
  if (saved.type !== 'completed') return saved;
  const { targets, arcs, passed, ...rest } = saved;
  const ends = new ArcsByEnds(plan);
  const arcOf = (target: string | number) => (typeof target === 'number' ? target : ends.arcOf(saved.nodeId, target));
  return {
    ...rest,
    arcs: targets?.map(arcOf) ?? arcs,
    passed: passed.map(([target, value]) => [arcOf(target), value]),
  };
}
