import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { trouble } from './chaos.js';
import { check } from './checker.js';
import { type Answered, Crew } from './crew.js';
import { allFlows } from './flows.js';
import { readLedger } from './ledger.js';
import { planRun } from './plan.js';
import { Dice } from './random.js';
import { live, type StartedRun } from './story.js';
import type { Surroundings } from './surroundings.js';
import type { Tally } from './tally.js';

export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly runsPerSecond: number;
  /** How long it is made hard before all is healed and checked, in seconds. */
  readonly roundSeconds: number;
  readonly prefix: string;
  /** The bundled program. */
  readonly module: string;
  readonly hasFaketime: boolean;
  /** The share of calls of troubled engines that go wrong. */
  readonly trouble: number;
  readonly log: (line: string) => void;
}

/** How long all that is under way may take once all is healed, in milliseconds. */
const patience = 90_000;

/**
 * How long a request may yet arrive once all is healed, in milliseconds: of a program that was paused while it started a run,
 * which another has started by now. What it queues is let go of by the next worker, so there has to be one.
 */
const latest = 12_000;

/**
 * Rounds of trouble on one engine: runs are started and programs, networks and the server are disturbed; then all is
 * healed, what is under way has to come to its end, and all of it is checked.
 */
export async function soak(surroundings: Surroundings, options: SoakOptions, tally: Tally): Promise<void> {
  const { minutes, log } = options;
  const end = performance.now() + minutes * 60_000;
  const directory = await temporaryDirectory();
  try {
    for (let round = 1; round === 1 || end - performance.now() > 10_000; round++) {
      const seconds = Math.min(options.roundSeconds, (end - performance.now()) / 1_000);
      log(`round ${round}: ${Math.round(seconds)} s`);
      await soakRound(surroundings, { ...options, directory, round, seconds: Math.max(seconds, 5) }, tally);
    }
  } finally {
    await removeDirectory(directory);
  }
}

interface RoundOptions extends SoakOptions {
  readonly directory: string;
  readonly round: number;
  readonly seconds: number;
}

async function soakRound(surroundings: Surroundings, options: RoundOptions, tally: Tally): Promise<void> {
  const { seed, round, seconds, directory, log } = options;
  const dice = (of: string) => new Dice(seed, surroundings.kind, round, of);
  const ledger = join(directory, `ledger-${round}`);
  await mkdir(ledger, { recursive: true });
  const crew = await Crew.start({ ...options, surroundings, ledger, tally });
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), seconds * 1_000);
  const scene = { signal: stop.signal, tally, log };
  const [runs] = await Promise.all([
    startRuns(crew, dice('runs'), options, stop.signal, tally),
    trouble(crew, surroundings, dice, scene),
  ]);
  clearTimeout(timer);
  await surroundings.heal();
  await crew.heal();
  const healed = performance.now();
  log('all is healed');
  const started = await settled(crew, runs, healed + patience, tally);
  await sleep(Math.max(0, healed + latest - performance.now()));
  await finish(crew, started, healed + patience, tally);
  const recovery = performance.now() - healed;
  tally.slowestRecovery = Math.max(tally.slowestRecovery, recovery);
  log(`all ${started.length} runs are over after ${Math.round(recovery)} ms`);
  await crew.stop();
  const flows = allFlows(seed);
  await check({ runs: started, flows, ledger: readLedger(ledger), surroundings, tally });
  await rm(ledger, { recursive: true });
  tally.count('rounds');
}

/** Starts runs until it is told to stop. */
async function startRuns(
  crew: Crew,
  dice: Dice,
  { seed, round, runsPerSecond }: RoundOptions,
  signal: AbortSignal,
  tally: Tally,
): Promise<Promise<StartedRun>[]> {
  const flows = allFlows(seed);
  const runs: Promise<StartedRun>[] = [];
  while (!signal.aborted) {
    // Some ids are such that they cannot be names of keys.
    const runId = `${round}-${runs.length}${dice.happens(0.1) ? ' {*}:/%é' : ''}`;
    runs.push(live(crew, planRun(dice, flows, runId)));
    tally.count('runs started');
    await sleep(dice.within(0, 2_000 / runsPerSecond), undefined, { signal }).catch(() => undefined);
  }
  return runs;
}

/** Those whose calls were all answered. */
async function settled(
  crew: Crew,
  runs: readonly Promise<StartedRun>[],
  deadline: number,
  tally: Tally,
): Promise<StartedRun[]> {
  const late = new AbortController();
  const timer = sleep(Math.max(1, deadline - performance.now()), 'late', { signal: late.signal }).catch(() => 'late');
  const answers = await Promise.all(runs.map((run) => Promise.race([run, timer])));
  late.abort();
  const started = answers.filter((answer): answer is StartedRun => typeof answer !== 'string');
  const missing = answers.length - started.length;
  if (missing > 0) {
    const calls = crew.open.slice(0, 5).join('; ');
    tally.find(`the calls for ${missing} runs were not answered ${patience} ms after all was healed: ${calls}`);
  }
  return started;
}

/** Waits until nothing is under way, and what is not to be kept is gone; lets runs go on to which a pause came late. */
async function finish(crew: Crew, runs: readonly StartedRun[], deadline: number, tally: Tally): Promise<void> {
  let open = runs;
  // A machine that is slow is no finding: as long as runs end there is patience with those that are left.
  let until = deadline;
  while (open.length > 0 && performance.now() < until) {
    const answers = await Promise.all(open.map(({ plan }) => crew.ask('status', plan.runId)));
    for (const [index, { value }] of answers.entries()) {
      const run = open[index] as StartedRun;
      if (value !== 'paused' || !run.mayPause) continue;
      tally.count('paused late');
      await crew.ask('resume', run.plan.runId);
    }
    const left = open.filter(({ plan }, index) => {
      const { value, code } = answers[index] as Answered;
      return code === undefined && (plan.story === 'not kept' || !finished.includes(String(value)));
    });
    if (left.length < open.length) until = Math.max(until, performance.now() + patience);
    open = left;
    if (open.length > 0) await sleep(300);
  }
  // What a program held that was killed is taken back by those that are left, when its lock has expired.
  while (performance.now() < until) {
    const { value } = await crew.ask('depth');
    if (Object.values(Object(value)).every((count) => count === 0)) return;
    await sleep(300);
  }
}

const finished: readonly string[] = ['completed', 'failed', 'cancelled', 'stalled'];
