import type { Engine } from '../contracts.js';

/** Returns true for a value with the methods of an engine. */
export function isEngine(value: unknown): value is Engine {
  const { commit, begin, queue } = Object(value) as Partial<Engine>;
  return typeof commit === 'function' && typeof begin === 'function' && typeof queue?.enqueue === 'function';
}
