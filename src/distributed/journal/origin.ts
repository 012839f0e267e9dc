import type { Plan } from '../../flow/plan/index.js';
import type { Codec, Merges } from '../../flow/run/index.js';

/** The run to which a replica belongs, and the tools that read and merge its values. */
export interface Origin {
  readonly plan: Plan;
  readonly runKey: string;
  /** Identifies the run among all runs with its id. `undefined` for runs started by versions up to 0.7. */
  readonly incarnation?: number | undefined;
  readonly codec: Codec;
  readonly merges: Merges;
}
