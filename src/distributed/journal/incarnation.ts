import { randomInt } from 'node:crypto';
import { segmentOf } from '../../flow/execution/index.js';
import type { RunRecord } from '../run-info.js';

/** A number that no other run has had under its id. It leaves room for what is added to it in the ids of jobs. */
export function newIncarnation(): number {
  return randomInt(1, 2 ** 48 - 1);
}

/** If true, two records are of one run, not of two that had one id over time. */
export function isSameRun(one: RunRecord, other: RunRecord): boolean {
  return one.incarnation === other.incarnation && one.createdAt === other.createdAt;
}

/**
 * If true, what was made for an incarnation is for this run. Programs of versions up to 0.7 name no incarnation; what they
 * make is taken for this run's.
 */
export function isFor(incarnation: number | undefined, record: Pick<RunRecord, 'incarnation'>): boolean {
  return incarnation === undefined || incarnation === record.incarnation;
}

/** What the idempotency keys of a run begin with; undefined for the id alone, in runs that versions up to 0.7 have begun. */
export function keyPathOf(runId: string, incarnation: number | undefined): string | undefined {
  return incarnation === undefined ? undefined : `${segmentOf(runId)}~${incarnation}`;
}
