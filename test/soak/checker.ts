import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DistributedOrchestrator,
  type Engine,
  isFinished,
  OrchestratorBuilder,
  RunNotFoundError,
  runStatuses,
} from 'orchestrator/distributed';
import type { Flow } from 'orchestrator/flow';
import { timeoutJobIdOf } from '../../src/distributed/journal/job-id.js';
import { digest, expectedOf, withoutRun } from './expected.js';
import type { Effect } from './ledger.js';
import type { End, StartedRun } from './story.js';
import type { Surroundings } from './surroundings.js';
import type { Tally } from './tally.js';

/** What there is to check at the end of a round, when all is healed and nothing is under way. */
export interface Round {
  readonly runs: readonly StartedRun[];
  readonly flows: readonly Flow[];
  readonly ledger: ReadonlyMap<string, readonly Effect[]>;
  readonly surroundings: Surroundings;
  readonly tally: Tally;
}

/**
 * How long may take what is seen to now and then, in milliseconds: retention, what was forgotten. On Redis a run that is filed
 * and is not there may be one that is about to begin; it is forgotten after a minute.
 */
const soon = 80_000;

/** Checks the runs of a round and what is kept of them; then deletes them, and checks that nothing is kept. */
export async function check(round: Round): Promise<void> {
  const { surroundings, tally, flows } = round;
  const there = await surroundings.inspect(async (engine) => {
    const orchestrator = orchestratorOn(engine, flows);
    const found = new Map<string, boolean>();
    for (const run of round.runs) {
      const isOver = await checkRun(run, round, orchestrator);
      if (isOver !== undefined) found.set(run.plan.runId, isOver);
    }
    for (const runId of await withDeadlines(found.keys(), tally, engine, orchestrator)) {
      // They go with their runs.
      await orchestrator.deleteRun(runId);
      found.delete(runId);
    }
    await checkQueue(engine, tally);
    await checkCounts(orchestrator, found, tally);
    await orchestrator.close();
    return found;
  });
  checkKeys(round);
  await checkLeftovers(round, there, 'when the runs are over');
  await surroundings.inspect(async (engine) => {
    const orchestrator = orchestratorOn(engine, flows);
    for (const [runId, isOver] of there) {
      if (!isOver) await orchestrator.cancel(runId);
      await orchestrator.deleteRun(runId);
    }
    await checkCounts(orchestrator, new Map(), tally);
    await orchestrator.close();
  });
  await checkLeftovers(round, new Map(), 'when the runs are deleted');
}

function orchestratorOn(engine: Engine, flows: readonly Flow[]): DistributedOrchestrator {
  return flows.reduce((builder, flow) => builder.workflow(flow), new OrchestratorBuilder().engine(engine)).build();
}

/** @returns whether the run is over; `undefined` for one that is not there */
async function checkRun(run: StartedRun, round: Round, orchestrator: DistributedOrchestrator) {
  const { plan, ends } = run;
  const { tally, flows } = round;
  const { runId, story, workflow } = plan;
  const name = `run "${runId}" (${workflow}, ${story})`;
  const info = await orchestrator.run(runId).catch((error: unknown) => {
    if (error instanceof RunNotFoundError) return undefined;
    throw error;
  });
  if (info === undefined) {
    if (ends.includes('gone')) tally.count('gone as they should');
    else tally.find(`${name} was acknowledged and is not there`);
    return undefined;
  }
  const flow = flows.find((one) => isOf(one, plan)) as Flow;
  const expected = await expectedOf(run, flow);
  const end: End = info.status === 'cancelled' ? 'cancelled' : 'natural';
  if (!isFinished(info.status)) {
    const pending = JSON.stringify(await orchestrator.pendingWork(runId));
    const age = Date.now() - info.updatedAt;
    tally.find(`${name} is still ${info.status}, has last changed ${age} ms ago, and has to do: ${pending}`);
    return false;
  }
  if (!ends.includes(end)) {
    const error = info.error === undefined ? '' : ` (${info.error})`;
    tally.find(
      `${name} is ${info.status}${error}, expected ${ends.map((one) => wordOf(one, expected.status)).join(' or ')}`,
    );
    return true;
  }
  tally.count(info.status === 'failed' || info.status === 'stalled' ? 'failed as expected' : info.status);
  await checkEvents(run, round, orchestrator, name);
  if (end === 'cancelled') return true;
  const result = digest(await orchestrator.result(runId));
  if (result !== expected.digest) {
    tally.find(`${name} came to something else than in process (${info.error}):\n  ${result}\n  ${expected.digest}`);
  }
  const effects = new Set(effectsOf(run, round).map(({ key }) => withoutRun(key)));
  const lost = expected.effects.filter((key) => ![...effects].some((one) => one === key || one.endsWith(`/${key}`)));
  if (lost.length > 0) {
    tally.count('effects lost', lost.length);
    tally.find(`${name} is ${info.status}, and was not executed at ${lost.join(', ')}`);
  }
  checkDelay(run, round, name);
  return true;
}

function isOf(flow: Flow, { workflow, version }: StartedRun['plan']): boolean {
  const blueprint = flow.toBlueprint();
  return blueprint.id === workflow && String(blueprint.version) === version;
}

function wordOf(end: End, natural: string): string {
  return end === 'natural' ? natural : end;
}

/** Those of the last run of the id. */
function effectsOf({ plan, context }: StartedRun, { ledger }: Round): readonly Effect[] {
  const effects = ledger.get(plan.runId) ?? [];
  return plan.story === 'its id used again' ? effects.filter(({ life }) => life === context.life) : effects;
}

/** Each visit of a node counts once, and nothing is left to do. */
async function checkEvents(run: StartedRun, { tally }: Round, orchestrator: DistributedOrchestrator, name: string) {
  const { runId } = run.plan;
  const counted = new Map<string, number>();
  for await (const { type, nodeId, visit } of orchestrator.events(runId, { follow: false })) {
    if (type !== 'completed' && type !== 'recovered') continue;
    const visited = `${nodeId}#${visit}`;
    counted.set(visited, (counted.get(visited) ?? 0) + 1);
  }
  for (const [visited, times] of counted) {
    if (times === 1 || run.plan.story === 'cancelled and retried') continue;
    tally.count('counted twice');
    tally.find(`${name} counts ${visited} ${times} times`);
  }
  const pending = await orchestrator.pendingWork(runId);
  if (pending.length > 0) tally.find(`${name} is over, and has pending work: ${JSON.stringify(pending)}`);
}

function checkDelay(run: StartedRun, round: Round, name: string): void {
  const { delay } = run.plan.options;
  const first = Math.min(...effectsOf(run, round).map(({ at }) => at));
  if (delay === undefined || first === Infinity) return;
  const after = first - run.askedAt;
  // The clock of effects and the engine's are read in whole milliseconds.
  if (after < delay - 5) round.tally.find(`${name} has begun after ${after} ms, though its delay is ${delay}`);
}

/** One key is one effect: no two runs share any, not even those that had one id after each other. */
function checkKeys({ ledger, tally, runs }: Round): void {
  const known = new Set(runs.map(({ plan }) => plan.runId));
  for (const [runId, effects] of ledger) {
    const lives = new Map<string, number>();
    const times = new Map<string, number>();
    for (const { key, life, attempt } of effects) {
      tally.count('effects');
      const named = `${key} ${attempt}`;
      if (times.has(named)) tally.count('executed again');
      times.set(named, life);
      if ((lives.get(key) ?? life) !== life) {
        tally.find(`the idempotency key ${key} was given to two runs of the id "${runId}"`);
      }
      lives.set(key, life);
    }
    if (!known.has(runId)) tally.find(`there are effects of run "${runId}", which was not started`);
  }
}

/**
 * Runs that are over, with their deadlines in the queue still: those are taken out after a run has ended, and whoever was to do
 * that may have been killed in between. They do nothing when they come.
 */
async function withDeadlines(
  runIds: Iterable<string>,
  tally: Tally,
  engine: Engine,
  orchestrator: DistributedOrchestrator,
): Promise<string[]> {
  const infos = await Promise.all([...runIds].map((runId) => orchestrator.run(runId)));
  const over = infos.filter(({ status, deadline }) => isFinished(status) && deadline !== undefined);
  let left = over;
  await holds(async () => {
    const states = await engine.queue.statesOf(over.map(timeoutJobIdOf));
    left = over.filter((_info, index) => states[index] !== 'absent');
    return left.length === 0;
  });
  tally.count('deadlines left', left.length);
  const all = tally.counts.get('deadlines left') ?? 0;
  const kills = tally.counts.get('kills') ?? 0;
  if (all > 1 && all > kills / 20) tally.find(`${all} deadlines of runs that were over were queued, at ${kills} kills`);
  return left.map(({ runId }) => runId);
}

async function checkQueue(engine: Engine, tally: Tally): Promise<void> {
  const isEmpty = await holds(async () => Object.values(await engine.queue.depth()).every((count) => count === 0));
  if (isEmpty) return;
  const depth = await engine.queue.depth();
  tally.count('left in the queue', depth.waiting + depth.delayed + depth.active);
  tally.find(`the queue is not empty: ${JSON.stringify(depth)}`);
}

/** How many there are is how many are listed, and those that are there. */
async function checkCounts(orchestrator: DistributedOrchestrator, there: ReadonlyMap<string, boolean>, tally: Tally) {
  let difference = '';
  const isRight = await holds(async () => {
    const counts = await orchestrator.countRuns();
    const listed = new Set<string>();
    for (const status of runStatuses) {
      const ids = await listAll(orchestrator, status);
      for (const runId of ids) listed.add(runId);
      if (ids.length !== counts[status]) difference = `${counts[status]} runs are ${status}, ${ids.length} are listed`;
      if (ids.length !== counts[status]) return false;
    }
    difference = `${listed.size} runs are listed, ${there.size} are there`;
    return listed.size === there.size && [...there.keys()].every((runId) => listed.has(runId));
  });
  if (!isRight) tally.find(difference);
}

async function listAll(orchestrator: DistributedOrchestrator, status: (typeof runStatuses)[number]): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await orchestrator.listRuns({ status, limit: 500, cursor });
    ids.push(...page.runs.map(({ runId }) => runId));
    if (page.cursor === undefined) return ids;
    cursor = page.cursor;
  }
}

async function checkLeftovers({ surroundings, tally }: Round, there: ReadonlyMap<string, boolean>, when: string) {
  let left: string[] = [];
  await holds(async () => {
    left = await surroundings.leftovers(there);
    return left.length === 0;
  });
  tally.count('left over', left.length);
  if (left.length > 0) tally.find(`${left.length} left over ${when}: ${left.slice(0, 5).join('; ')}`);
}

/** Whether something comes to hold soon. */
async function holds(condition: () => Promise<boolean>): Promise<boolean> {
  for (const deadline = performance.now() + soon; ; ) {
    if (await condition()) return true;
    if (performance.now() > deadline) return false;
    await sleep(500);
  }
}
