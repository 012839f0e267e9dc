import { Orchestrator, ParallelError, ValidationError } from 'orchestrator';
import { Flow, FlowRuntime, GraphBuilder, Node, type NodeArgs, withAction } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, settled } from '../support.js';

afterEach(() => {
  vi.useRealTimers();
});

const double = (n: number) => n * 2;

describe('a batch', () => {
  it('handles each item of its input, and gives the outputs in order', async () => {
    const gates = [deferred(), deferred(), deferred()];
    const pending = new Flow('order')
      .node('list', () => [10, 20, 30])
      .batch('double', async (n, { index }) => {
        await gates[index as number]?.promise;
        return n * 2;
      })
      .node('end', (outputs) => outputs)
      .edge('list', 'double')
      .edge('double', 'end')
      .run();
    for (const gate of gates.toReversed()) {
      await settled();
      gate.resolve();
    }
    expect(await pending).toMatchObject({
      status: 'completed',
      output: [20, 40, 60],
      context: { double: [20, 40, 60] },
    });
  });

  it('takes its items from a path, a key of the context, or an expression', async () => {
    const flow = new Flow('items')
      .node('fetch', () => ({ images: [1, 2] }))
      .batch('path', double, { items: 'fetch.images' })
      .batch('key', double, { items: 'given' })
      .batch('expression', double, { items: 'context.fetch.images.filter(n, n > 1)' })
      .batch('own', double, { items: 'params.list.filter(n, n > 6)', params: { list: [5, 7] } })
      .batch('mapped', double, { inputs: 'fetch.images' })
      .edge('fetch', 'path')
      .edge('fetch', 'key')
      .edge('fetch', 'expression')
      .edge('fetch', 'own')
      .edge('fetch', 'mapped');
    const { output } = await flow.run({ given: [5] });
    expect(output).toEqual({ path: [2, 4], key: [10], expression: [4], own: [14], mapped: [2, 4] });
  });

  it('without items has an empty output', async () => {
    const { output, status } = await new Flow('none')
      .batch('a', () => expect.fail('was called'))
      .run({}, { input: [] });
    expect({ output, status }).toEqual({ output: [], status: 'completed' });
  });

  it.each([['text'], [{ length: 1 }], [undefined], [new Set([1])]])(
    'of %o, which is no array, fails',
    async (input) => {
      const { status, errors } = await new Flow('wrong').batch('a', double).run({}, { input });
      expect(status).toBe('failed');
      expect(errors[0]).toMatchObject({ nodeId: 'a' });
      expect(errors[0]?.cause).toBeInstanceOf(ValidationError);
      expect(errors[0]?.message).toContain('the items of "a" must be an array');
    },
  );

  it('keeps undefined, null and errors among its outputs', async () => {
    const values = [undefined, null, 0, '', new Error('a value')];
    const { output } = await new Flow('odd').batch('a', (value) => value).run({}, { input: values });
    expect(output).toEqual(values);
    expect(output).toHaveLength(5);
  });

  it('handles all items at the same time, or up to its own limit, whatever the limit of the run', async () => {
    const most = async (concurrency: number | undefined, ofRun: number) => {
      let running = 0;
      let peak = 0;
      const sizes: number[] = [];
      const { status } = await new Flow('limit')
        .batch(
          'a',
          async () => {
            peak = Math.max(peak, ++running);
            await settled();
            sizes.push(running--);
          },
          { concurrency },
        )
        .run({}, { input: Array.from({ length: 12 }), concurrency: ofRun });
      expect(status).toBe('completed');
      expect(sizes).toHaveLength(12);
      return peak;
    };
    expect(await most(undefined, 2)).toBe(12);
    expect(await most(Infinity, 2)).toBe(12);
    expect(await most(5, 2)).toBe(5);
    expect(await most(1, 8)).toBe(1);
  });

  it('counts as one node for the limit of the run', async () => {
    const gate = deferred();
    let started = false;
    const pending = new Flow('one')
      .batch('a', () => gate.promise, { items: 'list' })
      .node('b', () => {
        started = true;
      })
      .run({ list: [1, 2, 3] }, { concurrency: 1 });
    await settled();
    expect(started).toBe(false);
    gate.resolve();
    expect((await pending).status).toBe('completed');
    expect(started).toBe(true);
  });

  it('tells its worker about the item and the run', async () => {
    const { output } = await new Flow('args')
      .batch(
        'a',
        (item, { nodeId, runId, index, input, visit, params, context }) => ({
          item,
          input,
          index,
          id: `${runId}/${nodeId}/${index}/${visit}`,
          from: [params.factor, context.key],
        }),
        { params: { factor: 3 } },
      )
      .run({ key: 'k' }, { input: ['x', 'y'], runId: 'r' });
    expect(output).toEqual([
      { item: 'x', input: 'x', index: 0, id: 'r/a/0/1', from: [3, 'k'] },
      { item: 'y', input: 'y', index: 1, id: 'r/a/1/1', from: [3, 'k'] },
    ]);
  });

  it('waits for all items, then fails with all their failures', async () => {
    const handled: number[] = [];
    const { status, errors } = await new Flow('fails')
      .batch('a', async (n) => {
        await settled();
        handled.push(n);
        if (n % 2 === 0) throw new RangeError(`not ${n}`);
        return n;
      })
      .run({}, { input: [1, 2, 3, 4] });
    expect(status).toBe('failed');
    expect(handled).toEqual([1, 2, 3, 4]);
    const cause = errors[0]?.cause as ParallelError;
    expect(cause).toBeInstanceOf(ParallelError);
    expect(cause.errors).toEqual([new RangeError('not 2'), new RangeError('not 4')]);
    expect(cause.results).toMatchObject([{ value: 1 }, { status: 'rejected' }, { value: 3 }, { status: 'rejected' }]);
  });

  it('with failFast ends at the first item that fails, and aborts the others', async () => {
    const signals: AbortSignal[] = [];
    const failure = new RangeError('no');
    let calls = 0;
    const { status, errors } = await new Flow('fast')
      .batch(
        'a',
        async (n, { signal }) => {
          calls++;
          signals.push(signal);
          if (n === 2) {
            await settled();
            throw failure;
          }
          await deferred().promise;
        },
        { failFast: true, concurrency: 3 },
      )
      .run({}, { input: [1, 2, 3, 4, 5] });
    expect(status).toBe('failed');
    expect(errors[0]?.cause).toBe(failure);
    expect(calls).toBe(3);
    expect([signals[0]?.aborted, signals[2]?.aborted]).toEqual([true, true]);
  });

  it('tries each item again by itself', async () => {
    const tries: string[] = [];
    const workers = [failing(0, 'a'), failing(2, 'b'), failing(1, 'c')];
    const { output } = await new Flow('retry')
      .batch(
        'a',
        (_, { index, attempt }) => {
          tries.push(`${index}: ${attempt}`);
          return workers[index as number]?.();
        },
        { retry: { retries: 2, minTimeout: 0 } },
      )
      .run({}, { input: [0, 1, 2] });
    expect(output).toEqual(['a', 'b', 'c']);
    expect(tries.sort()).toEqual(['0: 1', '1: 1', '1: 2', '1: 3', '2: 1', '2: 2']);
  });

  it('limits the time of each item, not of all', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const gates = [deferred(), deferred()];
    const pending = new Flow('timeout')
      .batch('a', (_, { index }) => gates[index as number]?.promise, { timeout: 100, concurrency: 1 })
      .run({}, { input: [0, 1] });
    for (const gate of gates) {
      await settled();
      await vi.advanceTimersByTimeAsync(80);
      gate.resolve();
    }
    expect((await pending).status).toBe('completed');
  });

  it('may have a fallback, which gets the input of the batch', async () => {
    const { status, output, errors } = await new Flow('fallback')
      .batch('a', () => Promise.reject(new Error('no')), { fallback: 'instead' })
      .node('instead', (items) => items.length)
      .node('end', (n) => n)
      .edge('a', 'end')
      .run({}, { input: [1, 2] });
    expect({ status, output }).toEqual({ status: 'completed', output: 2 });
    expect(errors).toMatchObject([{ nodeId: 'a', recoveredBy: 'instead' }]);
  });

  it('takes the outputs of workers that choose an action', async () => {
    const { output, action } = await new Flow('action')
      .batch('a', (n) => withAction('x', n))
      .run({}, { input: [1, 2] });
    expect({ output, action }).toEqual({ output: [1, 2], action: undefined });
  });

  it('takes classes, actions and flows for workers', async () => {
    class Square extends Node {
      override prep({ input }: NodeArgs) {
        return input;
      }
      override exec({ prepRes }: NodeArgs) {
        return prepRes ** 2;
      }
    }
    const orchestrator = new Orchestrator();
    const cube = orchestrator.action((n: number) => n ** 3);
    const inner = new Flow('inner')
      .node('x', (n) => n + 1)
      .node('y', (n) => n * 10)
      .edge('x', 'y');
    const { output } = await new Flow('kinds')
      .batch('class', Square)
      .batch('action', cube)
      .batch('flow', inner)
      .run({}, { input: [1, 2, 3] });
    expect(output).toEqual({ class: [1, 4, 9], action: [1, 8, 27], flow: [20, 30, 40] });
  });

  it('starts anew in each turn of a loop', async () => {
    const { context } = await new Flow('loop')
      .node('list', (_, { visit }) => [visit, visit + 1])
      .batch('double', double)
      .node('check', (outputs, { visit, context }) => {
        context.seen = [...(context.seen ?? []), outputs];
        return withAction(visit < 3 ? 'again' : 'done', 0);
      })
      .edge('list', 'double')
      .edge('double', 'check')
      .edge('check', 'list', { action: 'again' })
      .run();
    expect(context.seen).toEqual([
      [2, 4],
      [4, 6],
      [6, 8],
    ]);
  });

  it('may be written as data', async () => {
    const flow = new GraphBuilder({ list: () => [1, 2, 3], double }).build({
      id: 'data',
      nodes: [
        { id: 'list', uses: 'list' },
        { id: 'double', uses: 'batch', params: { worker: 'double', items: 'list', concurrency: 2 } },
      ],
      edges: [{ source: 'list', target: 'double' }],
    });
    expect((await flow.run()).output).toEqual([2, 4, 6]);
    expect((await new FlowRuntime({ registry: { list: () => [4], double } }).run(flow.toBlueprint())).output).toEqual([
      8,
    ]);
  });

  it('handles many items', async () => {
    const input = Array.from({ length: 5_000 }, (_, index) => index);
    const { output } = await new Flow('many').batch('a', double, { concurrency: 50 }).run({}, { input });
    expect(output).toEqual(input.map(double));
  });
});
