import { outlineOf, type Plan } from '../../flow/plan/index.js';
import { Once } from '../../shared/once.js';
import type { Engine } from '../contracts.js';
import { WorkflowChangedError } from '../errors.js';
import { activeStatuses } from '../run-info.js';
import { differenceFrom, textOf } from '../workflows/blueprint-text.js';
import type { KnownWorkflow } from '../workflows/workflows.js';
import { queryOf } from './query.js';

/**
 * The graphs that this program has stored, by engine. Global, because a program may create an orchestrator per request.
 */
const published = new WeakMap<Engine, WeakMap<Plan, Once<void>>>();

/**
 * Stores the graph of a workflow on an engine, once per program. After a failure, the next call tries again.
 *
 * @throws {WorkflowChangedError} if the engine has another graph of the same version with active runs
 */
export function publish(engine: Engine, workflow: KnownWorkflow): Promise<void> {
  const ofEngine = published.get(engine) ?? new WeakMap<Plan, Once<void>>();
  published.set(engine, ofEngine);
  let putting = ofEngine.get(workflow.plan);
  if (putting === undefined) {
    putting = new Once(() => put(engine, workflow));
    ofEngine.set(workflow.plan, putting);
  }
  return putting.get();
}

async function put(engine: Engine, { id, version, plan }: KnownWorkflow): Promise<void> {
  // A version that is a hash of the graph can never have another graph.
  const before = plan.graph.version === undefined ? undefined : await engine.workflowStore.get(id, version);
  const difference = before === undefined ? undefined : differenceFrom(before, outlineOf(plan));
  if (difference !== undefined) {
    const query = queryOf({ workflow: id, version, status: activeStatuses, limit: 1 });
    const underWay = await engine.runInfoStore.listRuns(query);
    if (underWay.length > 0) throw new WorkflowChangedError(id, version, difference);
  }
  await engine.workflowStore.put(id, version, textOf(plan.graph));
}
