import type { ModuleLoop } from '../definition.js';
import type { LoopModuleError } from '../errors.js';
import { hrefOf, moduleError } from './module.js';
import { withinKey } from './program.js';

/** The loops in whose threads and processes this program is, as the program of a pool notes them. */
interface Within {
  readonly within: readonly string[];
  /** If true, the module that is being loaded has asked for its own loop. */
  isCircle?: boolean;
}

/** Says which loop of which module it is. */
export function keyOf(placed: ModuleLoop): string {
  return `${hrefOf(placed)} ${placed.export ?? 'default'}`;
}

/** The loops of modules in whose threads and processes this program is, from the outermost on. */
export function loopsWithin(): readonly string[] {
  return noted()?.within ?? [];
}

/**
 * Refuses a loop whose module starts it: the module would be loaded in a thread or process, and start the loop there, without
 * end. A bundle is such a module, when loops and the program that starts them are in one file.
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
