import assert from 'node:assert/strict';
import { newId } from '../../shared/conformance.js';
import type { Commit, CommitAnswer, Engine, Job, NewRun } from '../contracts.js';
import { newIncarnation } from '../journal/incarnation.js';
import { activeStatuses, type RunQuery, runStatuses } from '../run-info.js';

export { newId, oddTexts, type TestFramework, until } from '../../shared/conformance.js';

/** The context of a group of tests: functions to register tests, and the engine under test. */
export interface Suite {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  /** The engine under test. Available while tests run. */
  readonly engine: Engine;
  /** A second engine with the same storage, or the first one if the options have no `again`. */
  readonly other: Engine;
}

/** Builds a run for `begin`. */
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

/**
 * Starts a run.
 *
 * @returns the id of the run
 */
export async function begun(engine: Engine, given: Parameters<typeof aRun>[0] = {}): Promise<string> {
  const run = aRun(given);
  await engine.begin(run);
  return run.record.runId;
}

/** Builds a commit that every active run accepts. */
export function aCommit(given: Partial<Commit> = {}): Commit {
  return { text: 'entry', during: activeStatuses, ...given };
}

/** Commits to a run that exists. */
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

/** Builds a commit that is allowed in every status. */
export function always(given: Partial<Commit>): Partial<Commit> {
  return { during: runStatuses, ...given };
}

/** The run of jobs without a run of their own. Only jobs of one run are in one order if the engine consists of shards. */
const runOfJobs = newId();

/** Builds a job for `enqueue`. */
export function aJob(given: Partial<Job> = {}): Job {
  return {
    id: newId('job'),
    runId: runOfJobs,
    incarnation: newIncarnation(),
    kind: 'node',
    seq: 0,
    priority: 0,
    delay: 0,
    ...given,
  };
}

/** Builds a query that matches all runs. */
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

/**
 * Asserts that a wait lasted long enough. Half of the time is accepted, because a slow answer makes a program's
 * estimate of the engine's clock imprecise.
 */
export function assertWaited(waited: number, milliseconds: number): void {
  assert.ok(waited >= milliseconds / 2, `${waited} of ${milliseconds} ms were waited`);
}

/** Reads the engine's clock, in epoch milliseconds. */
export async function timeOf(engine: Engine): Promise<number> {
  const runId = await begun(engine);
  const tail = await engine.checkpointStore.read(runId, 0);
  await engine.runInfoStore.deleteRun(runId);
  return tail?.now as number;
}

/** Lists the ids of all matching runs, page by page. */
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
