import { randomInt } from 'node:crypto';
import { segmentOf } from '../../flow/execution/index.js';
import type { RunRecord } from '../run-info.js';

/**
 * Returns a random number that identifies a run among all runs that use its id over time. The number stays far below
 * 2^53, because the epoch in job ids adds to it.
 */
export function newIncarnation(): number {
  return randomInt(1, 2 ** 48 - 1);
}

/** If true, both records belong to one run. If false, they belong to two runs that used the same id in turn. */
export function isSameRun(one: RunRecord, other: RunRecord): boolean {
  return one.incarnation === other.incarnation && one.createdAt === other.createdAt;
}

/**
 * If true, something made for an incarnation belongs to this run. Versions up to 0.7 name no incarnation: what they
 * make is taken to belong to the current run.
 */
export function isFor(incarnation: number | undefined, record: Pick<RunRecord, 'incarnation'>): boolean {
  return incarnation === undefined || incarnation === record.incarnation;
}

/**
 * Returns the beginning of a run's idempotency keys. Returns `undefined` for runs started by versions up to 0.7, whose
 * keys begin with the id alone.
 */
export function keyPathOf(runId: string, incarnation: number | undefined): string | undefined {
  return incarnation === undefined ? undefined : `${segmentOf(runId)}~${incarnation}`;
}
