import type { StateRecord } from './records.js';
import { readValue } from './values.js';

/** Applies recorded changes to the state of a process. */
export function applyState(state: object, changes: StateRecord['c'] | undefined): void {
  for (const [key, saved] of Object.entries(changes ?? {})) {
    if (saved === null) Reflect.deleteProperty(state, key);
    else
      Object.defineProperty(state, key, {
        value: readValue(saved),
        writable: true,
        enumerable: true,
        configurable: true,
      });
  }
}
