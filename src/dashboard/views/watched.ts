import type { DistributedOrchestrator } from '../../distributed/index.js';
import type { WorkflowOrchestrator } from '../../loops/index.js';
import { Refusal } from '../http/refusal.js';
import type { Redactor } from '../redaction/redactor.js';
import type { EngineClock } from './clock.js';

/** What a dashboard looks at, and how it may show it. */
export interface Watched {
  readonly distributed: DistributedOrchestrator | undefined;
  readonly loops: WorkflowOrchestrator | undefined;
  readonly redactor: Redactor;
  readonly clock: EngineClock;
  readonly title: string;
  readonly hasActions: boolean;
}

/** @throws {Refusal} where no runs are watched */
export function fleetOf({ distributed }: Watched): DistributedOrchestrator {
  if (distributed === undefined) throw new Refusal('not-found', 'this dashboard watches no runs');
  return distributed;
}

/** @throws {Refusal} where no loops are watched */
export function loopsOf({ loops }: Watched): WorkflowOrchestrator {
  if (loops === undefined) throw new Refusal('not-found', 'this dashboard watches no loops');
  return loops;
}
