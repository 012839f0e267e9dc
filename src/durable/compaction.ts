import { runsAround } from './identity.js';
import type { OpenedRun } from './journal.js';
import { type JournalRecord, type OutcomeRecord, parseRecord } from './records.js';

/** Number of records that nobody needs any more from which a journal is rewritten, if they are also the most. */
const leastSuperfluous = 1_000;

/**
 * Returns the records of a run without the insides of nested runs that have completed. If these are the most, the
 * journal is rewritten without them.
 */
export async function compacted({ header, status, records, owner }: OpenedRun): Promise<readonly string[]> {
  const isOver = status === 'completed' || status === 'cancelled';
  if (isOver || records.length < leastSuperfluous || !records.some((text) => text.includes('/run:'))) return records;
  const parsed = records.map((text, index) => parseRecord(text, header.id, index + 1));
  const completed = new Set(parsed.flatMap((record) => completedRun(record) ?? []));
  if (completed.size === 0) return records;
  const isInside = (record: JournalRecord): record is OutcomeRecord =>
    'i' in record && runsAround(record.i).some((run) => completed.has(run));
  const kept = records.filter((_, index) => !isInside(parsed[index] as JournalRecord));
  const dropped = records.length - kept.length;
  if (dropped < Math.max(leastSuperfluous, kept.length)) return records;
  const consumed = parsed.flatMap((record) => (isInside(record) && record.n !== undefined ? record.n : []));
  const rest = consumed.length === 0 ? [] : [`{"c":{},"n":${JSON.stringify(consumed)}}`];
  const left = [...rest, ...kept];
  await owner.rewrite(header, left, 0);
  return left;
}

/** Returns the identity of a nested run that has completed. */
function completedRun(record: JournalRecord): string | undefined {
  if (!('i' in record) || record.i.includes(' ') || 'd' in record || 'b' in record) return undefined;
  return 'e' in record || 'a' in record ? undefined : record.i;
}
