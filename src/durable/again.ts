import { here } from './here.js';

/** The result of a function that begins its run anew. */
export class Again {
  constructor(readonly input: unknown) {}
}

/**
 * Begins a run anew under its id, with an empty journal, for functions that live for ever: `return again(input)`. What
 * tasks have set in the state is kept, and so are signals that nobody has waited for. The function is then called again
 * with the new input.
 *
 * @param input - input of the next call of a `DurableFunction`. Default: none
 * @returns a value that the function of the run must return. If it returns another one, the run fails with a
 *   `ValidationError`
 * @throws {ValidationError} if the code does not belong to the function of a run with a journal
 * @example
 * const watch = new DurableFunction('watch', async (cursor: string) => {
 *   const page = await fetchPage(cursor);
 *   await orchestrator.map(page.items, handle);
 *   return again(page.next);
 * }, { orchestrator });
 */
export function again(input?: unknown): never {
  here('again').branch.recording.isAgain = true;
  // The type says that nothing comes after the call, so `again` fits a function with any result.
  return new Again(input) as never;
}
