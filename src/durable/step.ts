import { callOf, defineWork, perform } from '../kernel/actions/action.js';
import { aFunction, aName } from '../shared/validate.js';
import { here } from './here.js';

/**
 * Calls a function as a task without an action, and records its result: the time, a random number, an id, or a call
 * that is made in one place only. Hooks of the run see the task. Must be called by the function of a run with a journal.
 *
 * @param name - name of the task, a non-empty string
 * @param fn - the function, sync or async; called without arguments
 * @returns the result, from this life or an earlier one
 * @throws {ValidationError} if an argument is not valid, or the code does not belong to a run with a journal
 * @example
 * const now = await step('now', Date.now);
 * const token = await step('token', () => randomUUID());
 */
export async function step<Result>(name: string, fn: (this: void) => Result): Promise<Awaited<Result>> {
  aName(name, 'name');
  aFunction(fn, 'fn');
  const { scope } = here('step');
  const definition = defineWork(
    scope.process.core,
    name,
    callOf(() => fn()),
  );
  return perform(definition, []) as Promise<Awaited<Result>>;
}
