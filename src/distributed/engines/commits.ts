import type { Commit, Verdict } from '../contracts.js';

/** A call of `Engine.commit`: the commits to one run. */
export interface CommitCall {
  readonly runId: string;
  readonly known: number;
  readonly incarnation: number | undefined;
  readonly commits: readonly Commit[];
}

/**
 * What became of a commit, from the number that servers give for it.
 *
 * @param code - the number of its entry; 0 for a duplicate, below 0 for one that was refused
 */
export function verdictOf(code: number): Verdict {
  if (code > 0) return code;
  return code === 0 ? 'duplicate' : 'refused';
}
