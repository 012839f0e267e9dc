import { Orchestrator } from '../orchestrator.js';
import { aValue } from '../validate.js';

// biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
export const aPlainOrchestrator = aValue<Orchestrator<any>>(
  'an Orchestrator',
  (value) => value instanceof Orchestrator,
);
