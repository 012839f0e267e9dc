import type { Engine } from '../contracts.js';
import type { Workflows } from '../workflows/workflows.js';
import type { Activity } from './activity.js';
import type { Alibis } from './alibis.js';
import type { GiveBacks } from './give-backs.js';
import type { Room } from './room.js';
import type { Sharing } from './sharing.js';
import type { Suspects } from './suspects.js';

/** The objects and settings of a worker at one engine that all deliveries share. */
export interface Holding {
  readonly workerId: string;
  readonly engine: Engine;
  readonly workflows: Workflows;
  readonly activity: Activity;
  readonly suspects: Suspects;
  /** Limits the nodes that are executed at the same time. `undefined` if each job carries one: the queue limits the jobs. */
  readonly room: Room | undefined;
  readonly sharing: Sharing;
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
