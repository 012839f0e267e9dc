import type { Engine } from '../contracts.js';
import type { Workflows } from '../workflows/workflows.js';
import type { Activity } from './activity.js';
import type { Alibis } from './alibis.js';
import type { GiveBacks } from './give-backs.js';

/** What all deliveries of a worker have in common. */
export interface Holding {
  readonly workerId: string;
  readonly engine: Engine;
  readonly workflows: Workflows;
  readonly activity: Activity;
  readonly maxPayload: number;
  /** How many workers may die in one item before it is given up. */
  readonly maxCrashes: number;
  readonly isStopping: boolean;
  readonly alibis: Alibis;
  /** Jobs whose item has to be executed alone, while another is. */
  readonly untilAlone: GiveBacks;
  /** For how many milliseconds a job is held without a sign of life. */
  readonly lockDuration: number;
}
