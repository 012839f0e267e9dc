import { resolve } from 'node:path';
import { Loop, type LoopWorkflow, lmdbStore, WorkflowOrchestrator } from '../../loops/index.js';
import { isPlainObject } from '../../shared/validate.js';
import { usageError } from '../exit-codes.js';
import type { Exports } from './modules.js';

/**
 * Loads the loops that modules export into one orchestrator. A module may export loops, workflows of loops (`{ queues,
 * loops }`), or an orchestrator of its own.
 *
 * @returns `undefined` if the modules export no loops
 * @throws {CliError} if there is more than one orchestrator, or a store is given for an existing one
 */
export function loopsFrom(
  modules: readonly Exports[],
  { store, cwd }: { readonly store: string | undefined; readonly cwd: string },
): WorkflowOrchestrator | undefined {
  const values = [...new Set(modules.flatMap((exports) => [...exports.values.values()]))];
  const owners = values.filter((value) => value instanceof WorkflowOrchestrator);
  const workflows = values.filter(isWorkflow);
  // A loop that is exported alongside its workflow is already part of the workflow.
  const placed = new Set<unknown>(workflows.flatMap(({ loops }) => loops));
  const loops = values.filter((value): value is Loop => value instanceof Loop && !placed.has(value));
  const [owner] = owners;
  if (owner === undefined && workflows.length === 0 && loops.length === 0) return undefined;
  if (owners.length > 1)
    throw usageError('the modules export several WorkflowOrchestrators: give modules with at most one');
  if (owner !== undefined && store !== undefined) {
    throw usageError(
      '--store cannot change an exported WorkflowOrchestrator: give it the option `store` in its module',
    );
  }
  const options = store === undefined ? {} : { store: lmdbStore(resolve(cwd, store)) };
  const orchestrator = owner ?? new WorkflowOrchestrator(options);
  for (const workflow of workflows) orchestrator.load(workflow);
  if (loops.length > 0) orchestrator.load({ loops });
  return orchestrator;
}

/** Returns true if the module exports loops. */
export function hasLoops({ values }: Exports): boolean {
  return [...values.values()].some(
    (value) => value instanceof Loop || value instanceof WorkflowOrchestrator || isWorkflow(value),
  );
}

function isWorkflow(value: unknown): value is LoopWorkflow {
  return isPlainObject(value) && Array.isArray(value.loops) && !Array.isArray(value.nodes);
}
