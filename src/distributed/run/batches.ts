import type { Commit, CommitAnswer, Verdict } from '../contracts.js';
import { writeEntry } from '../journal/entry.js';
import type { EntryCommit, Waiting } from './commit-queue.js';
import type { EarlyEntry } from './early-entries.js';

/** A commit of a batch with its verdict. */
export interface Judged {
  readonly waiting: Waiting;
  /** The verdict of the first entry that was sent for the commit. Differs from `verdict` only if it has early entries. */
  readonly first: Verdict | undefined;
  readonly verdict: Verdict;
}

export function commitOf({ entry, during, slot, number, becomes, onlyIfNext, becomesIfNext }: EntryCommit): Commit {
  return { text: writeEntry(entry), during, slot, number, becomes, onlyIfNext, becomesIfNext };
}

/**
 * Returns the commits to be sent for a batch, of which only the last can have early entries.
 *
 * @param latest - the last entry of the replica, including early entries
 */
export function commitsOf(batch: readonly Waiting[], latest: number): readonly Commit[] {
  const own = batch.map(({ commit, since }) => (since === latest ? commit : { ...commit, becomesIfNext: undefined }));
  const last = batch.at(-1);
  if (last?.early === undefined) return own;
  return [...own.slice(0, -1), ...together(last.early, last.isEarly ? undefined : own.at(-1))];
}

/** Returns the entries that are sent for a batch, in order. */
export function entriesOf(batch: readonly Waiting[]): readonly Pick<Waiting, 'entry' | 'commit'>[] {
  const last = batch.at(-1);
  if (last?.early === undefined) return batch;
  return [...batch.slice(0, -1), ...last.early, ...(last.isEarly ? [] : [last])];
}

export function judgedBy({ verdicts }: CommitAnswer, batch: readonly Waiting[]): readonly Judged[] {
  let at = 0;
  return batch.map((waiting) => {
    const first = verdicts[at];
    at += (waiting.early?.length ?? 0) + (waiting.isEarly ? 0 : 1);
    return { waiting, first, verdict: verdicts[at - 1] as Verdict };
  });
}

/**
 * Returns commits of which the journal gets either all, directly after the last known entry, or none.
 *
 * @param last - a commit of an execution that is based on the early entries. Default: none
 */
function together(early: readonly EarlyEntry[], last: Commit | undefined): readonly Commit[] {
  const commits = [...early.map(({ commit }) => commit), ...(last === undefined ? [] : [last])];
  return commits.map((commit, at) =>
    at === 0 ? { ...commit, onlyIfNext: true } : { ...commit, onlyIfNext: undefined, withPrevious: true },
  );
}
