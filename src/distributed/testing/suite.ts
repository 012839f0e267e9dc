import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Commit, CommitAnswer, Engine, Job, NewRun } from '../contracts.js';
import { newIncarnation } from '../journal/incarnation.js';
import { activeStatuses, type RunQuery, runStatuses } from '../run-info.js';

/** What registers tests: vitest, jest, or `node:test` (whose `before` and `after` are `beforeAll` and `afterAll`). */
export interface TestFramework {
  describe(name: string, tests: () => void): unknown;
  it(name: string, test: () => Promise<void>): unknown;
  beforeAll(work: () => Promise<void>): unknown;
  afterAll(work: () => Promise<void>): unknown;
}

/** What the tests of one part have: where they register, and the engine under test. */
export interface Suite {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  /** The engine, once tests run. */
  readonly engine: Engine;
  /** An engine on the same data; the same one where there is no other. */
  readonly other: Engine;
}

/** Ids and texts that break what treats them as syntax. */
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

/** An id that no other test uses. */
export function newId(prefix = 'run'): string {
  return `${prefix}-${randomUUID()}`;
}

/** A run that can be begun. */
export function aRun(given: Partial<NewRun['record'] & Omit<NewRun, 'record'>> = {}): NewRun {
  const { delay = 0, timeout, snapshot = 'the beginning', ...record } = given;
  return {
    delay,
    timeout,
    snapshot,
    record: {
      runId: newId(),
      incarnation: newIncarnation(),
      workflow: 'workflow',
      version: '1',
      status: 'running',
      priority: 0,
      retention: undefined,
      output: undefined,
      error: undefined,
      ...record,
    },
  };
}

/** A run that was begun. Gives its id. */
export async function begun(engine: Engine, given: Parameters<typeof aRun>[0] = {}): Promise<string> {
  const run = aRun(given);
  await engine.begin(run);
  return run.record.runId;
}

/** A commit that active runs allow. */
export function aCommit(given: Partial<Commit> = {}): Commit {
  return { text: 'entry', during: activeStatuses, ...given };
}

/** Commits to a run that is there. */
export async function commit(
  engine: Engine,
  runId: string,
  known: number,
  ...commits: readonly Partial<Commit>[]
): Promise<CommitAnswer> {
  const answer = await engine.commit(runId, known, commits.map(aCommit));
  assert.ok(answer !== undefined, 'the run is known');
  return answer;
}

/** Commits in whatever status the run is. */
export function always(given: Partial<Commit>): Partial<Commit> {
  return { during: runStatuses, ...given };
}

/** A job that can be queued. */
export function aJob(given: Partial<Job> = {}): Job {
  return {
    id: newId('job'),
    runId: newId(),
    incarnation: newIncarnation(),
    kind: 'node',
    seq: 0,
    priority: 0,
    delay: 0,
    ...given,
  };
}

/** A question for runs that asks for all. */
export function aQuery(given: Partial<RunQuery> = {}): RunQuery {
  return {
    statuses: undefined,
    workflow: undefined,
    version: undefined,
    after: 0,
    before: 2 ** 52,
    text: undefined,
    order: 'newest',
    limit: 1_000,
    cursor: undefined,
    ...given,
  };
}

/** Repeats a check until it does not throw any more; for long, since machines may be busy. */
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

/**
 * Asserts that a time was waited out, as well as clocks are known: a program knows that of an engine by an answer, which was
 * under way for a while.
 */
export function assertWaited(waited: number, milliseconds: number): void {
  assert.ok(waited >= milliseconds / 2, `${waited} of ${milliseconds} ms were waited`);
}

/** The engine's clock, in epoch milliseconds. */
export async function timeOf(engine: Engine): Promise<number> {
  const runId = await begun(engine);
  const tail = await engine.checkpointStore.read(runId, 0);
  await engine.runInfoStore.deleteRun(runId);
  return tail?.now as number;
}

/** The ids of the runs on all pages, one after the other. */
export async function pages(engine: Engine, query: Partial<RunQuery>): Promise<string[]> {
  const ids: string[] = [];
  let cursor: RunQuery['cursor'];
  for (;;) {
    const page = await engine.runInfoStore.listRuns(aQuery({ ...query, cursor }));
    ids.push(...page.map(({ runId }) => runId));
    const last = page.at(-1);
    if (last === undefined) return ids;
    assert.ok(page.length <= (query.limit as number));
    cursor = { createdAt: last.createdAt, runId: last.runId };
  }
}
