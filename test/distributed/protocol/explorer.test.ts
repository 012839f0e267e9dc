import { appendFileSync } from 'node:fs';
import type { DistributedOrchestrator } from 'orchestrator/distributed';
import { MemoryCheckpointStore, type WorkflowResult } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RunStateError } from '../../../src/distributed/errors.js';
import { amountOf } from '../../needs/amount.js';
import { type Explored, explore } from './explore.js';
import { flows, runtime } from './flows.js';
import { faultsOfReplicas, repeatedEffects } from './journals.js';
import { type Control, type Fault, runId, type Setting, type World } from './world.js';

// Makes ids repeatable, so that repeated steps give the same result.
vi.mock(import('../../../src/distributed/journal/incarnation.js'), async (original) => ({
  ...(await original()),
  newIncarnation: () => 1,
}));

/*
 * Runs the real workers and orchestrators on an engine whose every step happens when the explorer decides so: reads,
 * commits, enqueues, deliveries, dispositions of jobs, notifications of a cancel, and the passing of time.
 *
 * The tests cover every order of these steps for two workers, with at most one fault at any moment, and with operations on
 * the run at any moment. Moments with the same engine state and the same histories of all programs are continued from
 * once, and workers are interchangeable. If a setting has more moments than the limit, the visited ones are spread over all
 * of it.
 *
 * PROTOCOL_MOMENTS=1000000 visits all moments. PROTOCOL_ONLY selects the settings whose title contains the text.
 * PROTOCOL_REPORT names a file to which the numbers of each setting are appended as a line of JSON.
 */

/**
 * Maximum number of moments in each setting: enough to visit all if a single fault hits one of the smallest flows, and
 * fewer where not everything is there.
 */
const most = amountOf('PROTOCOL_MOMENTS', 1_300, 400);
/** Maximum number of moments of a wait that expires: everywhere enough to come to both ends, by the signal and by the time. */
const mostExpiring = amountOf('PROTOCOL_MOMENTS', 1_000, 1_000);
/** Maximum number of moments if several faults come together: a sample, spread over all moments. */
const mostTogether = amountOf('PROTOCOL_MOMENTS', 40, 20);
const only = process.env.PROTOCOL_ONLY;
/** The file that the results are appended to. */
const report = process.env.PROTOCOL_REPORT;

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_000_000 });
});

afterAll(() => {
  vi.useRealTimers();
});

type FlowName = keyof typeof flows;

/** Returns the result of a run without the parts that differ from run to run. */
function digest(result: WorkflowResult) {
  const { status, output, context, completed, skipped, errors } = result;
  const failures = errors.map(({ nodeId, attempts, recoveredBy, cause }) => ({
    nodeId,
    attempts,
    recoveredBy,
    cause: (cause as Error).message,
  }));
  const byNode = failures.sort((one, other) => one.nodeId.localeCompare(other.nodeId));
  return { status, output, context, completed: [...completed].sort(), skipped: [...skipped].sort(), failures: byNode };
}

const references = new Map<FlowName, Promise<ReturnType<typeof digest>>>();

/** Returns the result of the flow in process, saved as on a fleet, with the events that it waits for. */
function reference(name: FlowName): Promise<ReturnType<typeof digest>> {
  const known = references.get(name) ?? inProcess(name);
  references.set(name, known);
  return known;
}

async function inProcess(name: FlowName): Promise<ReturnType<typeof digest>> {
  const flow = flows[name];
  const checkpoint = new MemoryCheckpointStore();
  let result = (await flow.run({ total: 0 }, { runId, checkpoint })) as unknown as WorkflowResult;
  if (result.status === 'awaiting') {
    vi.advanceTimersByTime(100);
    const signal = name.includes('wait') ? { events: { go: 'payload' } } : {};
    result = (await flow.resume(result as never, { ...signal, checkpoint })) as unknown as WorkflowResult;
  }
  if (name.includes('once')) result = (await flow.resume(result as never, { checkpoint })) as unknown as WorkflowResult;
  return digest(result);
}

interface Given extends Partial<Omit<Setting, 'flow' | 'runtime'>> {
  /** Further statuses that a run may end with, besides that of the run in process. */
  readonly or?: readonly string[];
  readonly most?: number;
}

const checkedJournals = new Set<string>();

/** No effect was repeated, and the journal leaves no work and gives equal replicas. Each journal is checked once. */
function checkRecords({ run, journal }: World): void {
  expect(repeatedEffects(run)).toEqual([]);
  if (checkedJournals.has(journal.key)) return;
  checkedJournals.add(journal.key);
  expect(journal.replica().ledger.size).toBe(0);
  expect(faultsOfReplicas(journal.origin, run)).toEqual([]);
}

async function check(world: World, name: FlowName, or: readonly string[]): Promise<string> {
  expect(world.errors).toEqual([]);
  expect(world.parked).toEqual([]);
  for (const refusal of world.refusals.values()) expect(refusal).toBeInstanceOf(RunStateError);
  expect(world.queued).toEqual([]);
  const { status } = world.run;
  const expected = await reference(name);
  expect([expected.status, ...or]).toContain(status);
  // A run that was paused or interrupted continues as if nothing had happened.
  let [isResumed, isRetried, isSignalled] = [false, false, false];
  if (world.run.status === 'paused') {
    isResumed = true;
    await world.control((orchestrator) => orchestrator.resume(runId));
  }
  if (world.run.status !== expected.status && ['cancelled', 'failed'].includes(world.run.status)) {
    isRetried = true;
    await world.control((orchestrator) => orchestrator.retry(runId));
  }
  if (world.run.status === 'awaiting') {
    isSignalled = true;
    await world.control((orchestrator) => orchestrator.signal(runId, 'go', 'payload'));
  }
  for (const refusal of world.refusals.values()) expect(refusal).toBeInstanceOf(RunStateError);
  expect({ queued: world.queued, errors: world.errors }).toEqual({ queued: [], errors: [] });
  expect(digest(await world.look().result(runId))).toEqual(expected);
  checkRecords(world);
  const cancelled = world.run.entries.filter(({ text }) => text.startsWith('{"type":"retried"')).length;
  expect(world.run.finished).toBe(1 + cancelled);
  const then = [isResumed && 'resumed', isRetried && 'retried', isSignalled && 'signalled'].filter(Boolean);
  return [status, ...then].join(', ');
}

/** A wait has ended either by its event or by its expiry, and each signal was answered accordingly. */
async function checkExpiry(world: World, isInside: boolean): Promise<string> {
  expect({ errors: world.errors, parked: world.parked, queued: world.queued }).toEqual({
    errors: [],
    parked: [],
    queued: [],
  });
  const ended = world.run.status;
  if (ended === 'paused') await world.control((orchestrator) => orchestrator.resume(runId));
  if (ended === 'cancelled') await world.control((orchestrator) => orchestrator.retry(runId));
  for (const refusal of world.refusals.values()) expect(refusal).toBeInstanceOf(RunStateError);
  expect({ queued: world.queued, errors: world.errors }).toEqual({ queued: [], errors: [] });
  const { status, output } = await world.look().result(runId);
  expect(status).toBe('completed');
  const text = JSON.stringify(output);
  const isDelivered = text.includes('["b","payload"]');
  expect(text.includes('["c"')).toBe(!isDelivered);
  const outcomes = world.answers.filter((answer) => typeof answer === 'string');
  const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
  // A signal that is kept before the wait begins ends the wait. A sub-flow that is being executed may wait for any event,
  // so a signal that comes after the expiry may be kept in vain.
  const isVain = isInside && count('kept') > 0 && !isDelivered;
  const isAnswered = count('delivered') > 0 || (count('kept') > 0 && !isVain);
  expect({ outcomes, isDelivered }).toEqual({ outcomes, isDelivered: isAnswered });
  expect(count('delivered')).toBeLessThanOrEqual(1);
  checkRecords(world);
  return [ended, isDelivered ? 'delivered' : 'expired', ...outcomes.toSorted()].join(', ');
}

async function explored(name: FlowName, title: string, { or = [], ...given }: Given): Promise<Explored> {
  const began = process.hrtime.bigint();
  const found = await explore({
    flow: flows[name],
    runtime,
    workers: 2,
    concurrency: 1,
    most,
    ...given,
    check: (world) =>
      name.includes('expires') ? checkExpiry(world, name.includes('sub-flow')) : check(world, name, or),
  });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  if (report !== undefined) appendFileSync(report, `${JSON.stringify({ name, title, ...found, seconds })}\n`);
  return found;
}

const chosen = (name: string) => only === undefined || name.includes(only);
const quiet = (Object.keys(flows) as FlowName[]).filter((name) => !name.includes('wait') && !name.includes('once'));

describe.each(quiet)('%s, on two workers', (name) => {
  it.runIf(chosen(`${name}, no fault`))(
    'comes to the same as in process, in whatever order things happen',
    async () => {
      const found = await explored(name, 'no fault', {});
      expect(found.ends).toBeGreaterThan(0);
    },
  );

  const kinds: Fault[] = ['crash', 'lost lock', 'late delivery', 'compaction'];
  it.each(kinds.filter((kind) => chosen(`${name}, ${kind}`)))('survives one %s at any moment', async (kind) => {
    await explored(name, kind, { faults: 1, kinds: [kind] });
  });
});

const go = async (orchestrator: DistributedOrchestrator) => orchestrator.signal(runId, 'go', 'payload');
const cancel = async (orchestrator: DistributedOrchestrator) => orchestrator.cancel(runId);
const pause = async (orchestrator: DistributedOrchestrator) => orchestrator.pause(runId);
const resume = async (orchestrator: DistributedOrchestrator) => orchestrator.resume(runId);
const retry = async (orchestrator: DistributedOrchestrator) => orchestrator.retry(runId);
const inTurn =
  (...controls: readonly Control[]): Control =>
  async (orchestrator) => {
    for (const control of controls) await control(orchestrator);
  };

const controls: readonly (readonly [
  what: string,
  controls: readonly Control[],
  or: readonly string[],
  flows: readonly FlowName[],
])[] = [
  [
    'a cancel',
    [cancel],
    ['cancelled'],
    ['a chain of three', 'a join of all', 'a fallback', 'a node that is tried again', 'a sleep beside a node'],
  ],
  [
    'a cancel and a retry',
    [inTurn(cancel, retry)],
    ['cancelled'],
    [
      'a chain of three',
      'a fork and a join',
      'a join of all',
      'a fallback',
      'a clean-up and an alarm',
      'a node that is tried again',
      'a sleep beside a node',
    ],
  ],
  [
    'a pause',
    [pause],
    ['paused'],
    ['a chain of three', 'a join of all', 'a fallback', 'a node that is tried again', 'a sleep beside a node'],
  ],
  [
    'a pause and a resume',
    [inTurn(pause, resume)],
    ['paused'],
    ['a chain of three', 'a join of all', 'a fallback', 'a node that is tried again', 'a sleep beside a node'],
  ],
  [
    'a pause, a resume, a pause and a resume',
    [inTurn(pause, resume, pause, resume)],
    ['paused'],
    ['a chain of three', 'a join of all'],
  ],
  [
    'a resume',
    [resume],
    [],
    ['a chain of three', 'a join of all', 'a node that is tried again later', 'a sleep beside a node'],
  ],
  [
    'a pause beside a resume',
    [pause, resume],
    ['paused'],
    ['a chain of three', 'a join of all', 'a sleep beside a node'],
  ],
  ['a retry', [retry], ['failed'], ['a node that fails once', 'a clean-up after a node that fails once']],
  ['a signal', [go], [], ['a wait', 'a wait beside a node']],
  ['a signal beside a pause and a resume', [go, inTurn(pause, resume)], ['paused'], ['a wait', 'a wait beside a node']],
  ['a signal beside a cancel', [go, cancel], ['cancelled'], ['a wait', 'a wait beside a node']],
  ['two signals', [go, go], [], ['a wait', 'a wait beside a node']],
  ['two signals to what expires', [go, go], [], ['a wait that expires', 'a wait that expires in a sub-flow']],
  [
    'a signal to what expires, beside a pause and a resume',
    [go, inTurn(pause, resume)],
    [],
    ['a wait that expires', 'a wait that expires beside a node', 'a wait that expires in a sub-flow'],
  ],
  [
    'a signal to what expires, beside a cancel and a retry',
    [go, inTurn(cancel, retry)],
    [],
    ['a wait that expires', 'a wait that expires in a sub-flow'],
  ],
];

const expiring: readonly FlowName[] = [
  'a wait that expires',
  'a wait that expires beside a node',
  'a wait that expires in a sub-flow',
];

describe.each(expiring)('%s, on two workers', (name) => {
  it.runIf(chosen(`${name}, no signal`))('ends by its time if no signal comes', async () => {
    const { outcomes } = await explored(name, 'no signal', {});
    expect(Object.keys(outcomes)).toEqual(['completed, expired']);
  });

  const kinds: Fault[] = ['crash', 'lost lock', 'late delivery', 'compaction'];
  it.each([undefined, ...kinds].filter((kind) => chosen(`${name}, signal, ${kind}`)))(
    'ends once, by a signal or by its time, and the signal is answered so (fault: %s)',
    async (kind) => {
      const faults = kind === undefined ? {} : { faults: 1, kinds: [kind] };
      const { outcomes } = await explored(name, `signal, ${kind}`, { ...faults, controls: [go], most: mostExpiring });
      expect(Object.keys(outcomes)).toContain('completed, delivered, delivered');
      expect(Object.keys(outcomes)).toContain('completed, expired, too-late');
    },
  );
});

const rows = controls.flatMap(([what, list, or, names]) => names.map((name) => [what, name, list, or] as const));

describe.each([
  ['two workers', {}],
  ['two workers, one of which dies', { faults: 1, kinds: ['crash'] }],
  ['two workers, one of which loses a lock', { faults: 1, kinds: ['lost lock'] }],
  ['two workers, a late delivery', { faults: 1, kinds: ['late delivery'] }],
  ['two workers, a compaction', { faults: 1, kinds: ['compaction'] }],
  ['one worker of two slots, slow answers', { workers: 1, concurrency: 2, isSlow: true }],
  [
    'one worker of two slots, slow answers, time passing',
    { workers: 1, concurrency: 2, isSlow: true, isForgetful: true },
  ],
  ['two workers, nodes that take time', { hasSteps: true }],
  ['two workers of two slots, slow answers', { workers: 2, concurrency: 2, isSlow: true }],
] as const)('on %s', (where, given) => {
  it.each(rows.filter(([what, name]) => chosen(`${name}, ${what}, ${where}`)))(
    '%s comes at any moment of %s',
    async (what, name, list, or) => {
      await explored(name, `${what}, ${where}`, { most: mostTogether, ...given, or, controls: list });
    },
  );

  it.each(quiet.filter((name) => chosen(`${name}, undisturbed, ${where}`)))('nothing disturbs %s', async (name) => {
    await explored(name, `undisturbed, ${where}`, { most: mostTogether, ...given });
  });
});
