import { createHash } from 'node:crypto';
import type { RunRecord } from '../run-info.js';

/** What tells a run from all others, those that had its id before among them. */
type Identity = Pick<RunRecord, 'runId' | 'incarnation'>;

const plain = /^[0-9A-Za-z_-]{1,64}$/;

/**
 * A run's id as it may stand in keys and job ids, where users' characters must not become syntax: as it is where it is
 * harmless, else a hash of it.
 */
export function keyOf(runId: string): string {
  return plain.test(runId) ? runId : `.${createHash('sha256').update(runId).digest('base64url')}`;
}

/**
 * The id of the job that carries an item from its start on.
 *
 * @param epoch - begins at the run's incarnation, so that no job of a run before stands for one of this run
 */
export function jobIdOf(runKey: string, node: number, round: number, attempt: number, epoch: number): string {
  return `${runKey}.${node}.${round}.${attempt}.${epoch}`;
}

/** The id of a job that looks at what is to be done in a run, as of an entry. */
export function lookJobIdOf(run: Identity, seq: number): string {
  return `${keyOf(run.runId)}.look${markOf(run)}.${seq}`;
}

/** The id of the job that ends a run at its deadline. */
export function timeoutJobIdOf(run: Identity): string {
  return `${keyOf(run.runId)}.timeout${markOf(run)}`;
}

/** Ids of jobs as they stand in texts. What a text may hold as one word is bounded, and so is the search. */
const jobIds =
  /(?<![\w.-])\.?[\w-]{1,64}\.(?:\d{1,16}(?:\.\d{1,16}){3}|look(?:\.\d{1,16}){1,2}|timeout(?:\.\d{1,16})?)(?!\w)/g;

/** A text without the ids of jobs that stand in it. */
export function withoutJobIds(text: string): string {
  return text.replace(jobIds, '*');
}

function markOf({ incarnation }: Identity): string {
  return incarnation === undefined ? '' : `.${incarnation}`;
}
