import { isPlainObject } from '../../shared/validate.js';
import { CheckpointError } from '../errors.js';
import { differences, isOutline, type Outline, outlineOf } from '../plan/outline.js';
import type { Plan } from '../plan/plan.js';
import { versionBefore, versionOf } from '../plan/version.js';
import type { SavedChild, SavedRun } from '../run/saved.js';
import { damaged } from './seal.js';
import { faultOfEntry, faultOfParts } from './shape.js';

/**
 * Checks that a saved run belongs to a plan, and that the run and its entries are complete. Every run is either
 * restored correctly or refused.
 *
 * @param name - the name to use for the run in messages if its own id cannot be read
 * @param seq - the number of the last entry before `entries`
 * @throws {CheckpointError} if the run is damaged, or belongs to another flow, version or graph
 */
export function checkSavedRun(plan: Plan, { run, entries }: SavedChild, name: string, seq: number): void {
  if (!isNamed(run)) throw damaged(name, 'it lacks the id of the run or of its flow');
  checkBelonging(plan, run);
  const fault = faultOfParts(plan, run);
  if (fault !== undefined) throw damaged(run.runId, fault);
  const begun = new Set<string>(run.children.map(([key]) => key));
  for (const [index, entry] of entries.entries()) {
    const faultOf = faultOfEntry(plan, entry, begun);
    if (faultOf !== undefined) throw damaged(run.runId, `entry ${seq + index + 1} ${faultOf}`);
  }
}

type Named = Pick<SavedRun, 'flow' | 'version' | 'runId' | 'graph'>;

function isNamed(run: unknown): run is SavedRun {
  if (!isPlainObject(run)) return false;
  const { flow, version, runId, graph } = run;
  const isName = (name: unknown) => typeof name === 'string' && name !== '';
  return [flow, version, runId].every(isName) && (graph === undefined || isOutline(graph));
}

/**
 * Checks that flow, version and graph match. Runs of package versions up to 0.6 have no outline of their graph, so only
 * the flow and its version are compared here; `faultOfParts` later compares the size of the graph.
 */
function checkBelonging(plan: Plan, { flow, version, runId, graph }: Named): void {
  if (flow !== plan.id) {
    throw new CheckpointError(runId, `is a run of "${flow}", not of "${plan.id}": continue it with the flow "${flow}"`);
  }
  const wanted = versionOf(plan);
  const isOfVersion = version === wanted || (graph === undefined && version === versionBefore(plan));
  const now = outlineOf(plan);
  if (!isOfVersion) {
    throw new CheckpointError(
      runId,
      `is of version ${version} of "${flow}", and this is version ${wanted}${inWords(graph, now)}: ` +
        'continue it with the flow as it was, or delete its checkpoint and run the flow again',
    );
  }
  if (graph !== undefined && graph.hash !== now.hash) {
    throw new CheckpointError(
      runId,
      `began with another graph of "${flow}" under the same version ${version}${inWords(graph, now)}: ` +
        'continue it with the flow as it was, and give the changed flow another version; or delete its checkpoint',
    );
  }
}

function inWords(before: Outline | undefined, now: Outline): string {
  const words = before === undefined ? '' : differences(before, now);
  return words === '' ? '' : ` (${words})`;
}
