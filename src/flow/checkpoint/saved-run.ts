import { isPlainObject } from '../../validate.js';
import { CheckpointError } from '../errors.js';
import type { Plan } from '../plan/plan.js';
import { versionOf } from '../plan/version.js';
import type { Entry, SavedChild, SavedRun } from './store.js';

const happenings = ['completed', 'failed', 'awaiting', 'item', 'started', 'child'];
const lists = ['errors', 'awaiting', 'delivered', 'passed', 'actions', 'items', 'children'] as const;

/**
 * Checks that a run that was read can be one of a plan.
 *
 * @throws {CheckpointError} for one that is damaged, or of another blueprint
 */
export function checkSavedRun(plan: Plan, { run, entries }: SavedChild, runId: string): void {
  if (!isSavedRun(run)) throw new CheckpointError(runId, 'has a checkpoint that is damaged');
  if (run.flow !== plan.id) throw new CheckpointError(run.runId, `is a run of "${run.flow}", not of "${plan.id}"`);
  const version = versionOf(plan);
  if (run.version !== version) {
    throw new CheckpointError(
      run.runId,
      `is of version ${run.version} of "${plan.id}", and this is version ${version}`,
    );
  }
  const { nodes, arcs } = run.position;
  const fits = nodes.length === plan.nodeCount && arcs.length === plan.arcTarget.length;
  if (!fits || !/^[0-7]*$/.test(nodes) || !/^[0-3]*$/.test(arcs) || !entries.every((entry) => isEntry(entry, plan))) {
    throw new CheckpointError(run.runId, 'has a checkpoint that is damaged');
  }
}

function isSavedRun(value: unknown): value is SavedRun {
  if (!isPlainObject(value)) return false;
  const { flow, version, runId, context, position } = value;
  const isNamed = [flow, version, runId].every((name) => typeof name === 'string');
  return isNamed && isPlainObject(context) && isPosition(position) && lists.every((list) => isList(value[list]));
}

function isPosition(value: unknown): boolean {
  return isPlainObject(value) && typeof value.nodes === 'string' && typeof value.arcs === 'string';
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);
}

function isEntry(value: Entry, plan: Plan): boolean {
  const happening: unknown = isPlainObject(value) ? value.happening : undefined;
  if (!isPlainObject(happening) || !happenings.includes(happening.type as string)) return false;
  const { nodeId, key } = happening;
  return typeof key === 'string' || (typeof nodeId === 'string' && plan.indexOf(nodeId) >= 0);
}
