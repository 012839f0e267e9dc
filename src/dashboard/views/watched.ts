import type { DistributedOrchestrator } from '../../distributed/index.js';
import type { WorkflowOrchestrator } from '../../loops/index.js';
import { Refusal } from '../http/refusal.js';
import type { Redactor } from '../redaction/redactor.js';
import type { EngineClock } from './clock.js';

/** The orchestrators that a dashboard shows, and its options. */
export interface Watched {
  readonly distributed: DistributedOrchestrator | undefined;
  readonly loops: WorkflowOrchestrator | undefined;
  readonly redactor: Redactor;
  readonly clock: EngineClock;
  readonly title: string;
  readonly hasActions: boolean;
}

/** @throws {Refusal} if the dashboard was created without `distributed` */
export function fleetOf({ distributed }: Watched): DistributedOrchestrator {
  if (distributed === undefined)
    throw new Refusal('not-found', 'this dashboard shows no runs: create it with `distributed`');
  return distributed;
}

/** @throws {Refusal} if the dashboard was created without `loops` */
export function loopsOf({ loops }: Watched): WorkflowOrchestrator {
  if (loops === undefined) throw new Refusal('not-found', 'this dashboard shows no loops: create it with `loops`');
  return loops;
}
