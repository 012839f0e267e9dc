import { existsSync } from 'node:fs';
import type { WorkflowOrchestrator } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { rejection } from '../support.js';
import { collector, fixture, timed, upTo, workflow } from './support.js';

const pools = ['thread', 'process'] as const;

interface Given {
  readonly pool: 'thread' | 'process';
  readonly at?: readonly number[];
  readonly always?: boolean;
  readonly onCrash?: 'stop' | { action: 'restart'; backoff?: number; maxBackoff?: number; limit?: number };
}

/** A loop whose module takes its time, between two queues. */
function slow({ pool, at = [], always, onCrash = { action: 'restart', backoff: 10 } }: Given) {
  const out = collector<number>('out');
  const orchestrator = workflow({
    queues: { in: { capacity: 2_000 }, out: {} },
    loops: [
      {
        id: 'slow',
        module: fixture('slow'),
        options: { from: 'in', to: 'out', at, always },
        pool,
        onCrash,
      },
      out.loop,
    ],
  });
  return { orchestrator, values: out.values };
}

const stateOf = (orchestrator: WorkflowOrchestrator) => orchestrator.metrics().loops[0]?.state;

async function pushAll(orchestrator: WorkflowOrchestrator, count: number): Promise<void> {
  for (const value of upTo(count)) await orchestrator.queue('in').push(value);
}

/** How many threads and processes keep this program alive. */
function resources(): number {
  const kinds = ['ProcessWrap', 'MessagePort', 'Worker'];
  return process.getActiveResourcesInfo().filter((name) => kinds.includes(name)).length;
}

const distinct = (values: readonly number[]) => [...new Set(values)].sort((one, other) => one - other);

describe.each(pools)('a loop in a %s that crashes while all is stopped', (pool) => {
  it.each([
    ['while it is made anew', 'starting'],
    ['while it waits to be made anew', 'restarting'],
  ])(
    '%s drains what is left, and leaves nothing behind',
    async (_, when) => {
      const before = resources();
      const backoff = when === 'restarting' ? 60_000 : 10;
      const onCrash = { action: 'restart', backoff, maxBackoff: 60_000 } as const;
      const { orchestrator, values } = slow({ pool, at: [3], onCrash });
      await orchestrator.start();
      await pushAll(orchestrator, 1_400);
      await eventually(() => stateOf(orchestrator) === 'restarting', { timeout: 15_000 });
      // It is loaded for 300 ms at least: then it is being made ready.
      if (when === 'starting') await new Promise((resolve) => setTimeout(resolve, 100));
      const { loops, messages, abandoned } = await orchestrator.close({ deadline: 30_000 });
      expect(distinct(values)).toEqual(upTo(1_400));
      expect({ messages, abandoned }).toEqual({ messages: 0, abandoned: 0 });
      expect(loops.find(({ loopId }) => loopId === 'slow')).toMatchObject({ reason: 'drained' });
      await eventually(() => resources() <= before);
    },
    60_000,
  );

  it('is made anew to drain, as often as its policy allows', async () => {
    const { orchestrator, values } = slow({ pool, at: [2, 40, 41, 90] });
    await orchestrator.start();
    await orchestrator.pause('slow');
    await pushAll(orchestrator, 100);
    const { loops, messages } = await orchestrator.close({ deadline: 50_000 });
    expect(distinct(values)).toEqual(upTo(100));
    expect(messages).toBe(0);
    const report = loops.find(({ loopId }) => loopId === 'slow');
    expect(report).toMatchObject({ reason: 'drained' });
    // Iterations of all lives.
    expect(report?.iterations).toBeGreaterThanOrEqual(100);
    const { restarts, state } = orchestrator.metrics().loops[0] ?? {};
    expect(restarts).toBeGreaterThan(1);
    expect(state).toBe('stopped');
  }, 80_000);

  it('and again and again is given up, and its messages stay', async () => {
    const before = resources();
    const onCrash = { action: 'restart', limit: 2, backoff: 10 } as const;
    const { orchestrator } = slow({ pool, at: [1], always: true, onCrash });
    await orchestrator.start();
    await orchestrator.pause('slow');
    await pushAll(orchestrator, 5);
    const { loops, messages } = await orchestrator.close({ deadline: 30_000 });
    expect(loops.find(({ loopId }) => loopId === 'slow')).toMatchObject({
      reason: 'crashed',
      error: { code: 'ERR_LOOP_CRASH' },
    });
    expect(messages).toBe(5);
    expect(stateOf(orchestrator)).toBe('error');
    await eventually(() => resources() <= before);
  }, 60_000);

  it('with onCrash: stop is not made anew', async () => {
    const { orchestrator } = slow({ pool, at: [1], onCrash: 'stop' });
    await orchestrator.start();
    await orchestrator.pause('slow');
    await pushAll(orchestrator, 2);
    const { loops, messages } = await orchestrator.close({ deadline: 30_000 });
    expect(loops.find(({ loopId }) => loopId === 'slow')).toMatchObject({ reason: 'crashed' });
    expect(messages).toBe(2);
  }, 60_000);

  it.each(['starting', 'restarting'])(
    'is let go of at once where it is not to drain: %s',
    async (when) => {
      const before = resources();
      const backoff = when === 'restarting' ? 60_000 : 10;
      const { orchestrator } = slow({
        pool,
        at: [1],
        onCrash: { action: 'restart', backoff, maxBackoff: 60_000 },
      });
      await orchestrator.start();
      await pushAll(orchestrator, 5);
      await eventually(() => stateOf(orchestrator) === 'restarting', { timeout: 15_000 });
      if (when === 'starting') await new Promise((resolve) => setTimeout(resolve, 100));
      const { loops, messages } = await orchestrator.close({ drain: false, deadline: 20_000 });
      expect(loops.find(({ loopId }) => loopId === 'slow')).toMatchObject({
        reason: 'crashed',
        error: { code: 'ERR_LOOP_CRASH' },
      });
      expect(messages).toBe(5);
      expect(stateOf(orchestrator)).toBe('stopped');
      await eventually(() => resources() <= before);
    },
    60_000,
  );

  it('is let go of at the deadline while it is made anew', async () => {
    const before = resources();
    const { orchestrator } = slow({ pool, at: [1] });
    await orchestrator.start();
    await pushAll(orchestrator, 5);
    await eventually(() => stateOf(orchestrator) === 'restarting', { timeout: 15_000 });
    const { loops, messages } = await orchestrator.close({ deadline: 50 });
    expect(loops.find(({ loopId }) => loopId === 'slow')).toMatchObject({ reason: 'crashed' });
    expect(messages).toBe(5);
    await eventually(() => resources() <= before);
  }, 60_000);
});

describe.each(['async', ...pools] as const)('a loop in the pool %s whose module never ends to load', (pool) => {
  it.each(['stop', 'close'] as const)(
    'is let go of by %s',
    async (call) => {
      const before = resources();
      const directory = await temporaryDirectory();
      try {
        const loads = `${directory}/loads`;
        const lines = [
          'import { writeFileSync } from "node:fs";',
          `writeFileSync(${JSON.stringify(loads)}, "begun");`,
          // Something keeps the thread or process alive.
          pool === 'async' ? '' : 'setInterval(() => {}, 1000);',
          'await new Promise(() => {});',
        ];
        const module = `data:text/javascript,${encodeURIComponent(lines.join('\n'))}`;
        const orchestrator = workflow({ loops: [{ id: 'never', module, pool }] });
        const starting = rejection(orchestrator.start());
        await eventually(() => existsSync(loads), { timeout: 15_000 });
        const [{ loops, abandoned }, time] = await timed(orchestrator[call]({ deadline: 30_000 }));
        expect({ loops, abandoned }).toEqual({ loops: [], abandoned: 0 });
        expect(time).toBeLessThan(10_000);
        expect(await starting).toMatchObject({ name: 'LoopStateError' });
        await eventually(() => resources() <= before);
      } finally {
        await removeDirectory(directory);
      }
    },
    60_000,
  );
});
