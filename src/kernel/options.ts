import { aBoolean, aFunction, aName, anObjectOf, anyState, orNone } from '../shared/validate.js';
import type { ActionOptions } from './actions/action.js';
import { type OwnPolicies, type PolicyOptions, policyReaders } from './policies/policy.js';

/**
 * Options of `new Orchestrator`. All are optional. `retry`, `timeout` and `policy` are the defaults of the
 * orchestrator's actions; an action's own options override them field by field.
 *
 * @example
 * const options: OrchestratorOptions<{ requests: number }> = { name: 'crawler', state: { requests: 0 }, retry: 3 };
 * const orchestrator = new Orchestrator(options);
 */
export interface OrchestratorOptions<State> extends PolicyOptions {
  /** Name of the orchestrator's processes, in hooks and telemetry. Default: `orchestrator`. */
  readonly name?: string | undefined;
  /**
   * Initial state of every run: a plain object or an instance of a class. For an instance, each run gets its methods,
   * and copies of its own properties. `#private` fields cannot be copied. Default: an empty object.
   */
  readonly state?: Partial<State> | undefined;
  /**
   * If true, all runs work on one state object instead of separate copies, and `run` rejects its `state` option.
   * Default: false.
   */
  readonly sharedState?: boolean | undefined;
  /**
   * Returns true if the fallback of an action should handle a failure. Applies to actions without a `fallbackOn` of
   * their own. Default: fallbacks handle every failure.
   */
  readonly fallbackOn?: ActionOptions['fallbackOn'];
}

type Read<State> = OwnPolicies & Partial<Pick<OrchestratorOptions<State>, 'name' | 'state' | 'sharedState'>>;

export const readOrchestratorOptions = anObjectOf<OrchestratorOptions<object>, Read<object>>({
  name: aName,
  state: anyState,
  sharedState: aBoolean,
  fallbackOn: orNone(aFunction),
  ...policyReaders,
});
