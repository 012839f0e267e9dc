import { ArcsByEnds } from '../plan/order.js';
import type { Plan } from '../plan/plan.js';
import type { RunHappening, SavedHappening } from '../run/saved.js';

/** What has happened, as it is written: arcs by the ids of their ends, because numbers follow from the order of a graph. */
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

/** What has happened, as it was written; versions up to 0.6 wrote arcs by number. */
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
