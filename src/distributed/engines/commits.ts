import type { Commit, Verdict } from '../contracts.js';

/** A call of `Engine.commit`: commits to one run. */
export interface CommitCall {
  readonly runId: string;
  readonly known: number;
  readonly incarnation: number | undefined;
  readonly commits: readonly Commit[];
}

/**
 * Converts the number that a server returns for a commit.
 *
 * @param code - above 0: the number of the new entry; 0: a duplicate; below 0: refused
 */
export function verdictOf(code: number): Verdict {
  if (code > 0) return code;
  return code === 0 ? 'duplicate' : 'refused';
}

/** Returns the number of characters of a call's entries. */
export function sizeOf({ commits }: CommitCall): number {
  return commits.reduce((sum, { text }) => sum + text.length, 0);
}
