import { aValue } from '../shared/validate.js';
import { sourceOf } from './action.js';
import { Orchestrator } from './orchestrator.js';
import type { Policies } from './policy.js';
import type { Core } from './process.js';

// biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
export const anOrchestrator = aValue<Orchestrator<any>>('an Orchestrator', (value) => value instanceof Orchestrator);

/** What the actions of an orchestrator have in common, and their default policies: an action of it tells. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function originOf(orchestrator: Orchestrator<any>): { readonly core: Core; readonly policies: Policies } {
  return sourceOf(orchestrator.action(() => undefined)) as { core: Core; policies: Policies };
}
