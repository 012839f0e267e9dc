import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** The ground of the conformance suites, which test implementations of this package's contracts. */

/**
 * The functions of a test framework with which the conformance suites register their tests. vitest and jest provide
 * them under these names. For `node:test`, pass `before` as `beforeAll` and `after` as `afterAll`.
 *
 * @example
 * import { after, before, describe, it } from 'node:test';
 *
 * const framework: TestFramework = { describe, it, beforeAll: before, afterAll: after };
 */
export interface TestFramework {
  describe(name: string, tests: () => void): unknown;
  it(name: string, test: () => Promise<void>): unknown;
  beforeAll(work: () => Promise<void>): unknown;
  afterAll(work: () => Promise<void>): unknown;
}

/** Ids and texts that break code which treats them as syntax. */
export const oddTexts: readonly string[] = [
  `it's "quoted" \`so\``,
  '{braces} }{ {{twice}} {a}{b}',
  'colons:a::b:',
  'a/b\\c|d,e;f=g&h#i',
  'line\nbreak\ttab\r\nend',
  ' leading and trailing ',
  'emoji 😀👩‍👩‍👧 é ü ß 漢字 \u2028',
  '__proto__',
  'constructor',
  'toString',
  `'; DROP TABLE runs; --`,
  '$1 $$ %s ? :name @x',
  `"]] redis.call('FLUSHALL') --`,
  '*',
  '-inf',
  '0',
  'null',
  '../..',
  '%00%2e',
  '\u0001\u001f\u007f',
  'x'.repeat(500),
  '😀'.repeat(250),
];

/** Returns an id that no other test uses. */
export function newId(prefix = 'run'): string {
  return `${prefix}-${randomUUID()}`;
}

/** Repeats a check until it no longer throws. The timeout is long, because machines may be busy. */
export async function until<Value>(check: () => Value | Promise<Value>, timeout = 60_000): Promise<Value> {
  const deadline = performance.now() + timeout;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(20);
    }
  }
}
