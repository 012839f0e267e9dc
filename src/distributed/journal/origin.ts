import type { Plan } from '../../flow/plan/index.js';
import type { Codec, Merges } from '../../flow/run/index.js';

/** Of which run a replica is, and how the values in it are read and merged. */
export interface Origin {
  readonly plan: Plan;
  readonly runKey: string;
  /** Which of the runs that had its id over time; none for a run that a version up to 0.7 has begun. */
  readonly incarnation?: number | undefined;
  readonly codec: Codec;
  readonly merges: Merges;
}
