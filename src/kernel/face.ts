import type { OrchestratorOptions } from './options.js';
import { Orchestrator as OrchestratorClass } from './orchestrator.js';

/** Constructor of orchestrators. The state has an open type, unless the options or a type argument define it. */
interface OrchestratorConstructor {
  /** @throws {ValidationError} if an option is unknown or has the wrong type */
  new <State extends object = Record<string, unknown>>(options?: OrchestratorOptions<State>): Orchestrator<State>;
  // biome-ignore lint/suspicious/noExplicitAny: an object that instanceof accepts may have any state
  readonly prototype: Orchestrator<any>;
}

/**
 * Wraps plain functions as actions and runs them inside processes, with one set of hooks, policies and state.
 *
 * @example
 * const orchestrator = new Orchestrator({ state: { requests: 0 }, retry: 3, timeout: 5_000 });
 * const double = orchestrator.action((n: number) => n * 2, { name: 'double' });
 * const four = await orchestrator.run(() => double(2));
 */
export const Orchestrator: OrchestratorConstructor = OrchestratorClass;

/**
 * The type of an orchestrator. Without a type argument, the type fits any state. The default of `new Orchestrator`,
 * `Record<string, unknown>`, would reject states declared as interfaces.
 */
// biome-ignore lint/suspicious/noExplicitAny: no other type takes every state
export type Orchestrator<State extends object = any> = OrchestratorClass<State>;
