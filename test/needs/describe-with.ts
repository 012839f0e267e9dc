import { describe, inject, type TestOptions } from 'vitest';
import type { Found } from './setup.js';

/** `describe` for tests that need a program: without it they are skipped, and their name says what they need. */
export function describeWith(need: keyof Found, name: string, tests: () => void, options: TestOptions = {}): void {
  const isThere = inject('found')[need] !== undefined;
  describe.skipIf(!isThere)(isThere ? name : `${name} (needs ${need})`, options, tests);
}
