import { Orchestrator as OrchestratorClass, type OrchestratorOptions } from './orchestrator.js';

/** `new Orchestrator`: its state is open where neither the options nor a type argument say what is in it. */
interface OrchestratorConstructor {
  /** @throws {ValidationError} for an option that is unknown or of the wrong kind */
  new <State extends object = Record<string, unknown>>(options?: OrchestratorOptions<State>): Orchestrator<State>;
  // biome-ignore lint/suspicious/noExplicitAny: what instanceof finds may have any state
  readonly prototype: Orchestrator<any>;
}

/**
 * Wraps plain functions as actions, and runs them inside processes, with one set of hooks, policies and state.
 *
 * @example
 * const orchestrator = new Orchestrator({ state: { requests: 0 }, retry: 3, timeout: 5_000 });
 * const double = orchestrator.action((n: number) => n * 2, { name: 'double' });
 * const four = await orchestrator.run(() => double(2));
 */
export const Orchestrator: OrchestratorConstructor = OrchestratorClass;

/**
 * An orchestrator, as a type. Without a type argument it is one of any state: `Record<string, unknown>`, the state of a
 * new one that says nothing of it, would refuse interfaces.
 */
// biome-ignore lint/suspicious/noExplicitAny: no other type takes every state
export type Orchestrator<State extends object = any> = OrchestratorClass<State>;
