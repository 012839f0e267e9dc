import type { Plan } from '../flow/plan/plan.js';
import { textOf } from './blueprint-text.js';
import type { Engine } from './contracts.js';
import { Once } from './once.js';
import type { KnownWorkflow } from './workflows.js';

/** What this program has put, on which engine: orchestrators may be made anew for each request. */
const published = new WeakMap<Engine, WeakMap<Plan, Once<void>>>();

/** Puts the graph of a workflow on an engine, once. Where that fails, the next who needs it tries again. */
export function publish(engine: Engine, { id, version, plan }: KnownWorkflow): Promise<void> {
  const ofEngine = published.get(engine) ?? new WeakMap<Plan, Once<void>>();
  published.set(engine, ofEngine);
  let putting = ofEngine.get(plan);
  if (putting === undefined) {
    putting = new Once(() => engine.workflowStore.put(id, version, textOf(plan.graph)));
    ofEngine.set(plan, putting);
  }
  return putting.get();
}
