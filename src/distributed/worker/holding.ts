import type { Engine } from '../contracts.js';
import type { Workflows } from '../workflows/workflows.js';
import type { Activity } from './activity.js';
import type { Alibis } from './alibis.js';
import type { GiveBacks } from './give-backs.js';

/** The objects and settings of a worker that all its deliveries share. */
export interface Holding {
  readonly workerId: string;
  readonly engine: Engine;
  readonly workflows: Workflows;
  readonly activity: Activity;
  readonly maxPayload: number;
  /** Number of workers that may die while they execute an item. When the number is reached, the item is given up. */
  readonly maxCrashes: number;
  readonly isStopping: boolean;
  readonly alibis: Alibis;
  /** Delays of jobs whose item must be executed alone and has to wait for another item. */
  readonly untilAlone: GiveBacks;
  /** Milliseconds for which a job stays locked without a renewal. */
  readonly lockDuration: number;
}
