import { isPlainObject } from '../../shared/validate.js';
import { CheckpointError } from '../errors.js';
import { differences, isOutline, type Outline, outlineOf } from '../plan/outline.js';
import type { Plan } from '../plan/plan.js';
import { versionBefore, versionOf } from '../plan/version.js';
import type { SavedChild, SavedRun } from '../run/saved.js';
import { damaged } from './seal.js';
import { faultOfEntry, faultOfParts } from './shape.js';

/**
 * Checks that a run that was read can be one of a plan, and that it and its entries are whole: what is restored from it is
 * either right or refused.
 *
 * @param name - what the run is called if that cannot be read
 * @param seq - the number of the entry before the first
 * @throws {CheckpointError} for one that is damaged, or of another flow, version or graph
 */
export function checkSavedRun(plan: Plan, { run, entries }: SavedChild, name: string, seq: number): void {
  if (!isNamed(run)) throw damaged(name, 'it does not say which run of which flow it is');
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

/** Runs of versions up to 0.6 have no outline of their graph: they go by version alone, and by how much there is of it. */
function checkBelonging(plan: Plan, { flow, version, runId, graph }: Named): void {
  if (flow !== plan.id) {
    throw new CheckpointError(runId, `is a run of "${flow}", not of "${plan.id}": resume it with the flow "${flow}"`);
  }
  const wanted = versionOf(plan);
  const isOfVersion = version === wanted || (graph === undefined && version === versionBefore(plan));
  const now = outlineOf(plan);
  if (!isOfVersion) {
    throw new CheckpointError(
      runId,
      `is of version ${version} of "${flow}", and this is version ${wanted}${inWords(graph, now)}: ` +
        'resume it with the flow as it was, or delete its checkpoint and run the flow anew',
    );
  }
  if (graph !== undefined && graph.hash !== now.hash) {
    throw new CheckpointError(
      runId,
      `began with another graph of "${flow}" under the same version ${version}${inWords(graph, now)}: ` +
        'resume it with the flow as it was, and give the changed flow another version; or delete its checkpoint',
    );
  }
}

function inWords(before: Outline | undefined, now: Outline): string {
  const words = before === undefined ? '' : differences(before, now);
  return words === '' ? '' : ` (${words})`;
}
