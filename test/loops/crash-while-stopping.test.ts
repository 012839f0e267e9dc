import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import type { StopSummary, WorkflowOrchestrator } from 'orchestrator/loops';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { rejection, resourcesOf } from '../support.js';
import { collector, fixture, patient, timed, upTo, workflow } from './support.js';

const pools = ['thread', 'process'] as const;
/** Shorter than every delay that the tests must not wait for, in milliseconds. */
const limit = 30_000;

let directory = '';

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => removeDirectory(directory));

interface Given {
  readonly pool: 'thread' | 'process';
  readonly at?: readonly number[];
  readonly always?: boolean;
  readonly onCrash?: 'stop' | { action: 'restart'; backoff?: number; maxBackoff?: number; limit?: number };
}

/** A loop between two queues whose creation is delayed until the test releases it. */
function slow({ pool, at = [], always, onCrash = { action: 'restart', backoff: 10 } }: Given) {
  const out = collector<number>('out');
  const file = `${directory}/hold`;
  const orchestrator = workflow({
    queues: { in: { capacity: 2_000 }, out: {} },
    loops: [
      {
        id: 'slow',
        module: fixture('slow'),
        options: { from: 'in', to: 'out', at, always, hold: file },
        pool,
        onCrash,
      },
      out.loop,
    ],
  });
  const hold = () => writeFile(file, '');
  const isHeld = () => existsSync(`${file}s`);
  const release = () => rm(file);
  return { orchestrator, values: out.values, hold, isHeld, release };
}

/** Returns the part of a summary about the loop. */
const slowOf = (loops: StopSummary['loops']) => loops.find(({ loopId }) => loopId === 'slow');

const crashed = { reason: 'crashed', error: { code: 'ERR_LOOP_CRASH' } };

const stateOf = (orchestrator: WorkflowOrchestrator) => orchestrator.metrics().loops[0]?.state;

async function pushAll(orchestrator: WorkflowOrchestrator, count: number): Promise<void> {
  for (const value of upTo(count)) await orchestrator.queue('in').push(value);
}

/** Number of threads and processes that keep this program alive. */
const resources = () => resourcesOf('ProcessWrap', 'MessagePort', 'Worker').length;

const distinct = (values: readonly number[]) => [...new Set(values)].sort((one, other) => one - other);

describe.each(pools)('a loop in a %s that crashes during a stop', (pool) => {
  it.each([
    ['while it is made anew', 'starting'],
    ['while it waits to be made anew', 'restarting'],
  ])('%s drains what is left, and leaves nothing behind', async (_, when) => {
    const before = resources();
    const backoff = when === 'restarting' ? 60_000 : 10;
    const onCrash = { action: 'restart', backoff, maxBackoff: 60_000 } as const;
    const { orchestrator, values, hold, isHeld, release } = slow({ pool, at: [3], onCrash });
    await orchestrator.start();
    if (when === 'starting') await hold();
    await pushAll(orchestrator, 1_400);
    await eventually(when === 'starting' ? isHeld : () => stateOf(orchestrator) === 'restarting');
    const closing = orchestrator.close(patient);
    if (when === 'starting') await release();
    const { loops, messages, abandoned } = await closing;
    expect(distinct(values)).toEqual(upTo(1_400));
    expect({ messages, abandoned }).toEqual({ messages: 0, abandoned: 0 });
    expect(slowOf(loops)).toMatchObject({ reason: 'drained' });
    await eventually(() => resources() <= before);
  });

  it('is restarted to drain, as often as its policy allows', async () => {
    const { orchestrator, values } = slow({ pool, at: [2, 40, 41, 90] });
    await orchestrator.start();
    await orchestrator.pause('slow');
    await pushAll(orchestrator, 100);
    const { loops, messages } = await orchestrator.close(patient);
    expect(distinct(values)).toEqual(upTo(100));
    expect(messages).toBe(0);
    const report = slowOf(loops);
    expect(report).toMatchObject({ reason: 'drained' });
    // The iterations of all lives count.
    expect(report?.iterations).toBeGreaterThanOrEqual(100);
    const { restarts, state } = orchestrator.metrics().loops[0] ?? {};
    expect(restarts).toBeGreaterThan(1);
    expect(state).toBe('stopped');
  });

  it('and crashes repeatedly is given up, and its messages are kept', async () => {
    const before = resources();
    const onCrash = { action: 'restart', limit: 2, backoff: 10 } as const;
    const { orchestrator } = slow({ pool, at: [1], always: true, onCrash });
    await orchestrator.start();
    await orchestrator.pause('slow');
    await pushAll(orchestrator, 5);
    const { loops, messages } = await orchestrator.close(patient);
    expect(slowOf(loops)).toMatchObject(crashed);
    expect(messages).toBe(5);
    expect(stateOf(orchestrator)).toBe('error');
    await eventually(() => resources() <= before);
  });

  it('with onCrash: stop is not restarted', async () => {
    const { orchestrator } = slow({ pool, at: [1], onCrash: 'stop' });
    await orchestrator.start();
    await orchestrator.pause('slow');
    await pushAll(orchestrator, 2);
    const { loops, messages } = await orchestrator.close(patient);
    expect(slowOf(loops)).toMatchObject({ reason: 'crashed' });
    expect(messages).toBe(2);
  });

  it.each(['starting', 'restarting'])('ends at once if it does not drain: %s', async (when) => {
    const before = resources();
    const backoff = when === 'restarting' ? 60_000 : 10;
    const { orchestrator, hold, isHeld } = slow({
      pool,
      at: [1],
      onCrash: { action: 'restart', backoff, maxBackoff: 60_000 },
    });
    await orchestrator.start();
    if (when === 'starting') await hold();
    await pushAll(orchestrator, 5);
    await eventually(when === 'starting' ? isHeld : () => stateOf(orchestrator) === 'restarting');
    const [{ loops, messages }, time] = await timed(orchestrator.close({ drain: false, ...patient }));
    expect(time).toBeLessThan(limit);
    expect(slowOf(loops)).toMatchObject(crashed);
    expect(messages).toBe(5);
    expect(stateOf(orchestrator)).toBe('stopped');
    await eventually(() => resources() <= before);
  });

  it('ends at the deadline during a restart', async () => {
    const before = resources();
    const { orchestrator, hold, isHeld } = slow({ pool, at: [1] });
    await orchestrator.start();
    await hold();
    await pushAll(orchestrator, 5);
    await eventually(isHeld);
    const { loops, messages } = await orchestrator.close({ deadline: 50 });
    expect(slowOf(loops)).toMatchObject({ reason: 'crashed' });
    expect(messages).toBe(5);
    await eventually(() => resources() <= before);
  });
});

describe.each(['async', ...pools] as const)('a loop in the pool %s whose module never finishes loading', (pool) => {
  it.each(['stop', 'close'] as const)('is released by %s', async (call) => {
    const before = resources();
    const loads = `${directory}/loads`;
    const lines = [
      'import { writeFileSync } from "node:fs";',
      `writeFileSync(${JSON.stringify(loads)}, "begun");`,
      // Keep the thread or process alive.
      pool === 'async' ? '' : 'setInterval(() => {}, 1000);',
      'await new Promise(() => {});',
    ];
    const module = `data:text/javascript,${encodeURIComponent(lines.join('\n'))}`;
    const orchestrator = workflow({ loops: [{ id: 'never', module, pool }] });
    const starting = rejection(orchestrator.start());
    await eventually(() => existsSync(loads));
    const [{ loops, abandoned }, time] = await timed(orchestrator[call](patient));
    expect({ loops, abandoned }).toEqual({ loops: [], abandoned: 0 });
    expect(time).toBeLessThan(limit);
    expect(await starting).toMatchObject({ name: 'LoopStateError' });
    await eventually(() => resources() <= before);
  });
});
