import { aValue } from '../shared/validate.js';
import { sourceOf } from './actions/action.js';
import { Orchestrator } from './orchestrator.js';
import type { Policies } from './policies/policy.js';
import type { Core } from './scope/process.js';

// biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of the state
export const anOrchestrator = aValue<Orchestrator<any>>('an Orchestrator', (value) => value instanceof Orchestrator);

/**
 * Returns the shared core and the default policies of an orchestrator, which are read from an action that it creates.
 */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function originOf(orchestrator: Orchestrator<any>): { readonly core: Core; readonly policies: Policies } {
  return sourceOf(orchestrator.action(() => undefined)) as { core: Core; policies: Policies };
}
