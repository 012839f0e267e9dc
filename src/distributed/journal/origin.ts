import type { Plan } from '../../flow/plan/plan.js';
import type { Codec } from '../../flow/run/codec.js';
import type { Merges } from '../../flow/run/merge.js';

/** Of which run a replica is, and how the values in it are read and merged. */
export interface Origin {
  readonly plan: Plan;
  readonly runKey: string;
  /** Which of the runs that had its id over time; none for a run that a version up to 0.7 has begun. */
  readonly incarnation?: number | undefined;
  readonly codec: Codec;
  readonly merges: Merges;
}
