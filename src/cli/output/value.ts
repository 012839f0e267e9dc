import { jsonOf } from './json.js';
import { harmless } from './text.js';

/** A value as indented JSON, harmless to a terminal. */
export function valueText(value: unknown): string {
  return harmless(jsonOf(value, 2));
}
