import { getEventListeners } from 'node:events';
import { Orchestrator } from 'orchestrator';
import { Flow, FlowRuntime, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { settled, timers } from '../support.js';

/** Megabytes of the heap after a collection. */
function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** The growth of the heap in megabytes, from the end of the first `warm` turns to the last turn. */
async function grown(turns: number, warm: number, work: (turn: number) => Promise<unknown>): Promise<number> {
  for (let turn = 0; turn < warm; turn++) await work(turn);
  await settled();
  const before = heap();
  for (let turn = 0; turn < turns; turn++) await work(turn);
  await settled();
  return heap() - before;
}

const diamond = () =>
  new Flow('diamond')
    .node('a', (n) => n)
    .node('b', async (n) => n + 1)
    .node('c', (n) => n + 2)
    .node('d', ({ b, c }) => b + c)
    .edge('a', 'b')
    .edge('a', 'c', { condition: 'output >= 0' })
    .edge('b', 'd')
    .edge('c', 'd', { transform: 'output * 2' });

describe('the heap', () => {
  it('is where it was after ten thousand runs of a flow', async () => {
    const flow = diamond();
    const megabytes = await grown(10_000, 500, async (input) => {
      const { output } = await flow.run({ list: [input] }, { input });
      if (output !== 3 * input + 5) throw new Error(`wrong output ${output}`);
    });
    expect(megabytes).toBeLessThan(5);
  });

  it('is where it was after runs with all features: hooks, signals, timeouts, failures, sub-flows, batches', async () => {
    const orchestrator = new Orchestrator().onTaskCompletion(() => {});
    const runtime = new FlowRuntime({ orchestrator });
    const { signal } = new AbortController();
    const inner = diamond();
    const flow = new Flow('all')
      .node('sub', inner, { inputs: { n: 'n' }, timeout: 60_000 })
      .batch('batch', (n) => n * 2, { items: 'list', concurrency: 2, retry: 1 })
      .node('bad', () => Promise.reject(new Error('no')), { fallback: 'safe' })
      .node('safe', () => 1)
      .node('lost', () => Promise.reject(new Error('no')))
      .wait('waits')
      .use((_, next) => next());
    const before = timers();
    const megabytes = await grown(2_000, 200, (n) =>
      runtime.run(flow, { n, list: [1, 2, 3] }, { signal, timeout: 60_000, failFast: n % 2 === 0 }),
    );
    expect(megabytes).toBeLessThan(5);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(timers()).toBeLessThan(before + 10);
  });

  it('is where it was after runs that wait and are resumed', async () => {
    const flow = new Flow('resumed')
      .node('a', (n) => n)
      .wait('w')
      .node('b', (n) => n)
      .edge('a', 'w')
      .edge('w', 'b');
    const megabytes = await grown(2_000, 200, async (n) => {
      const { status } = await flow.resume(await flow.run({}, { input: n }), { events: { w: n } });
      if (status !== 'completed') throw new Error(status);
    });
    expect(megabytes).toBeLessThan(5);
  });

  it('is where it was after flows that were created, run once, and dropped', async () => {
    const megabytes = await grown(3_000, 300, (input) => diamond().run({}, { input }));
    expect(megabytes).toBeLessThan(8);
  });

  it('does not grow with the turns of a loop', async () => {
    const sizes: number[] = [];
    const { status, output, context } = await new Flow('loop', { maxVisits: Infinity })
      .node('head', (n) => n)
      .node('left', async (n) => n + 1)
      .node('right', (n) => n + 1, { fallback: 'safe' })
      .node('safe', (n) => n + 1)
      .batch('batch', (n) => n, { items: 'numbers' })
      .node('sub', diamond())
      .node('join', ({ left }, { visit }) => {
        if (visit === 500 || visit === 5_500) sizes.push(heap());
        return withAction(visit < 5_500 ? 'again' : 'done', left);
      })
      .node('end', (n) => n)
      .edge('head', 'left')
      .edge('head', 'right')
      .edge('head', 'batch')
      .edge('head', 'sub')
      .edge('left', 'join')
      .edge('right', 'join')
      .edge('batch', 'join')
      .edge('sub', 'join')
      .edge('join', 'head', { action: 'again' })
      .edge('join', 'end', { action: 'done' })
      .run({ numbers: [1, 2] }, { input: 0 });
    expect({ status, output }).toEqual({ status: 'completed', output: 5_500 });
    expect(Object.keys(context).sort()).toEqual(['batch', 'end', 'head', 'join', 'left', 'numbers', 'right', 'sub']);
    const [early = 0, late = Infinity] = sizes;
    expect(late - early).toBeLessThan(5);
  });

  it('holds no more for the result of a long loop than for that of a short one', async () => {
    const run = (turns: number) =>
      new Flow('loop', { maxVisits: Infinity })
        .node('a', (_, { visit }) => (visit < turns ? withAction('again', visit) : visit))
        .edge('a', 'a', { action: 'again' })
        .run({}, { runId: 'run' });
    const [short, long] = [await run(1_000), await run(6_000)];
    expect(long.status).toBe('completed');
    expect(Math.abs(long.snapshot.length - short.snapshot.length)).toBeLessThan(100);
  });
});
