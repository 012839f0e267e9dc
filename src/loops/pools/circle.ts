import type { ModuleLoop } from '../definition.js';
import type { LoopModuleError } from '../errors.js';
import { hrefOf, moduleError } from './module.js';
import { withinKey } from './program.js';

/** The loops whose threads and processes contain this code, as recorded by `program`. */
interface Within {
  readonly within: readonly string[];
  /** If true, the module that is being loaded has tried to start its own loop. */
  isCircle?: boolean;
}

/** Returns a key that identifies a loop by its module and export. */
export function keyOf(placed: ModuleLoop): string {
  return `${hrefOf(placed)} ${placed.export ?? 'default'}`;
}

/** Returns the keys of the loops whose threads and processes contain this code, outermost first. */
export function loopsWithin(): readonly string[] {
  return noted()?.within ?? [];
}

/**
 * Returns an error for a loop that its own module tries to start. Loading the module in a thread or process would start
 * the loop there again, and so on without end. This happens in a bundle that contains both the loop and the program
 * that starts the loop.
 */
export function circleWith(placed: ModuleLoop): LoopModuleError | undefined {
  const around = noted();
  if (around === undefined || !around.within.includes(keyOf(placed))) return undefined;
  around.isCircle = true;
  return moduleError(placed, { type: 'circle' });
}

function noted(): Within | undefined {
  return (globalThis as { readonly [key: symbol]: Within | undefined })[Symbol.for(withinKey)];
}
