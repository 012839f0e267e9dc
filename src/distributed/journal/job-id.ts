import { createHash } from 'node:crypto';
import type { RunRecord } from '../run-info.js';

/** The fields that identify a run among all runs, including earlier runs with the same id. */
type Identity = Pick<RunRecord, 'runId' | 'incarnation'>;

const plain = /^[0-9A-Za-z_-]{1,64}$/;

/**
 * Converts a run's id to a form that is safe in keys and job ids, because user-supplied characters must not become
 * syntax. Harmless ids are unchanged; all other ids are hashed.
 */
export function keyOf(runId: string): string {
  return plain.test(runId) ? runId : `.${createHash('sha256').update(runId).digest('base64url')}`;
}

/**
 * Returns the id of the job that carries an item.
 *
 * @param epoch - starts at the run's incarnation, so that a job of an earlier run never matches a job of this run
 */
export function jobIdOf(runKey: string, node: number, round: number, attempt: number, epoch: number): string {
  return `${runKey}.${node}.${round}.${attempt}.${epoch}`;
}

/** Returns the id of the job that checks, after an entry, what is left to do in a run. */
export function lookJobIdOf(run: Identity, seq: number): string {
  return `${keyOf(run.runId)}.look${markOf(run)}.${seq}`;
}

/** Returns the id of the job that ends a run at its deadline. */
export function timeoutJobIdOf(run: Identity): string {
  return `${keyOf(run.runId)}.timeout${markOf(run)}`;
}

/** Matches job ids in texts. The length of each component is bounded, which also bounds the search. */
const jobIds =
  /(?<![\w.-])\.?[\w-]{1,64}\.(?:\d{1,16}(?:\.\d{1,16}){3}|look(?:\.\d{1,16}){1,2}|timeout(?:\.\d{1,16})?)(?!\w)/g;

/** Replaces the job ids in a text with `*`. */
export function withoutJobIds(text: string): string {
  return text.replace(jobIds, '*');
}

function markOf({ incarnation }: Identity): string {
  return incarnation === undefined ? '' : `.${incarnation}`;
}
