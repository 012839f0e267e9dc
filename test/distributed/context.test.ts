import { Flow, type FlowOptions, type NodeArgs } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred } from '../support.js';
import { fleetOf } from './fleet.js';

describe('the context that a node sees', () => {
  it('contains the initial data of the run, and the outputs of completed nodes', async () => {
    const gate = deferred();
    const flow = new Flow('f')
      .node('a', () => 'of a')
      .node('beside', () => {
        gate.resolve();
        return 'of beside';
      })
      .node('b', async () => {
        await gate.promise;
        return 'of b';
      })
      .node('c', (_, { context }) => ({ ...context }))
      .edge('a', 'b')
      .edge('b', 'c');
    const { finish } = await fleetOf(flow);
    const { output } = await finish({ given: [1] });
    expect(output).toMatchObject({ c: { given: [1], a: 'of a', b: 'of b', beside: 'of beside' } });
  });

  it('stays as it was when the node started, whatever others commit meanwhile', async () => {
    const written = deferred();
    const seen = deferred();
    const flow = new Flow('f')
      .node('slow', async (_, { context }) => {
        seen.resolve();
        await written.promise;
        return { shared: context.shared, keys: Object.keys(context), has: 'writer' in context };
      })
      .node('writer', async (_, { context }) => {
        await seen.promise;
        context.shared = 'new';
        context.added = 1;
      })
      .node('after', () => written.resolve())
      .edge('writer', 'after');
    for (const workers of [1, 2]) {
      const { finish, orchestrator } = await fleetOf(flow, { workers });
      const run = await finish({ shared: 'old' });
      expect(run.output).toMatchObject({ slow: { shared: 'old', keys: ['shared'], has: false } });
      expect((await orchestrator.context(run.runId)).shared).toBe('new');
    }
  });

  it('is a copy: changes inside values are seen by nobody before the commit', async () => {
    const changed = deferred();
    const looked = deferred();
    const flow = new Flow('f')
      .node('changing', async (_, { context }) => {
        context.list.push(2);
        changed.resolve();
        await looked.promise;
      })
      .node('start', () => changed.promise)
      .node('looking', (_, { context }) => {
        looked.resolve();
        return [...context.list];
      })
      .edge('start', 'looking')
      .node('end', (_, { context }) => context.list)
      .edge('looking', 'end')
      .edge('changing', 'end');
    const { finish } = await fleetOf(flow);
    const given = { list: [1] };
    const run = await finish(given);
    expect(run.output).toEqual([1, 2]);
    expect(given).toEqual({ list: [1] });
  });

  it('shares no object with another node or run', async () => {
    const outputs: unknown[] = [];
    const note = (input: unknown, { context }: NodeArgs) => {
      outputs.push(input, context.shared);
      return input;
    };
    const flow = new Flow('f')
      .node('a', (_, { context }) => context.shared)
      .node('b', note)
      .node('c', note)
      .edge('a', 'b')
      .edge('a', 'c');
    const { finish } = await fleetOf(flow);
    const shared = { list: [] };
    await Promise.all([finish({ shared }), finish({ shared })]);
    expect(outputs).toHaveLength(8);
    for (const output of outputs) expect(output).toEqual({ list: [] });
    expect(new Set([...outputs, shared]).size).toBe(9);
  });

  it('has the outputs of other nodes as later nodes have changed them', async () => {
    const flow = new Flow('f')
      .node('a', () => ({ n: 1 }))
      .node('b', (input) => {
        input.n = 2;
        return 'b';
      })
      .node('c', (_, { context }) => context.a)
      .edge('a', 'b')
      .edge('b', 'c');
    const { finish } = await fleetOf(flow);
    expect((await finish()).output).toEqual({ n: 2 });
  });
});

describe('the context that nodes write', () => {
  /** Runs two nodes that start with the same context and commit one after the other. */
  async function both(
    first: (context: Record<string, unknown>) => void,
    second: (context: Record<string, unknown>) => void,
    {
      context = {},
      merge = {},
      workers = 1,
    }: { context?: object; merge?: FlowOptions['merge']; workers?: number } = {},
  ) {
    const began = deferred();
    const committed = deferred();
    const flow = new Flow('f', { merge })
      .node('first', async (_, args) => {
        await began.promise;
        first(args.context);
      })
      .node('told', () => committed.resolve())
      .edge('first', 'told')
      .node('second', async (_, args) => {
        // The node reads the current context.
        void Object.keys(args.context);
        began.resolve();
        await committed.promise;
        second(args.context);
      });
    const { finish, orchestrator } = await fleetOf(flow, { workers });
    const { runId, status } = await finish(context);
    expect(status).toBe('completed');
    return { ...(await orchestrator.context(runId)) };
  }

  it('is merged per key in the order of commits: the last write wins', async () => {
    const merged = await both(
      (context) => Object.assign(context, { same: 'first', one: 1 }),
      (context) => Object.assign(context, { same: 'second', two: 2 }),
      { context: { kept: true } },
    );
    expect(merged).toEqual({ same: 'second', one: 1, two: 2, kept: true });
  });

  it('leaves alone the keys that a node has only read', async () => {
    const merged = await both(
      (context) => Object.assign(context, { read: 'changed' }),
      (context) => void structuredClone(context.read),
      { context: { read: { deep: 1 } } },
    );
    expect(merged).toEqual({ read: 'changed' });
  });

  it('removes keys', async () => {
    const merged = await both(
      (context) => {
        delete context.gone;
      },
      (context) => {
        delete context.never;
        delete context.back;
        context.back = 2;
      },
      { context: { gone: 1, back: 1 } },
    );
    expect(merged).toEqual({ back: 2 });
  });

  it('is merged by the function of its key, from the value that the node found', async () => {
    const merge = {
      total: (current: number, written: number, base: number) => current + written - base,
      tags: (current: string[], written: string[]) => [...new Set([...current, ...written])],
    };
    const add = (n: number, tag: string) => (context: Record<string, unknown>) => {
      context.total = (context.total as number) + n;
      context.tags = [...(context.tags as string[]), tag];
    };
    for (const workers of [1, 2]) {
      const context = { total: 10, tags: ['a'] };
      expect(await both(add(1, 'b'), add(2, 'c'), { context, merge, workers })).toEqual({
        total: 13,
        tags: ['a', 'b', 'c'],
      });
    }
  });

  it('is merged from undefined if the key is new', async () => {
    const merge = { sum: (current = 0, written = 0, base = 0) => current + written - base };
    const add = (n: number) => (context: Record<string, unknown>) => {
      context.sum = ((context.sum as number) ?? 0) + n;
    };
    expect(await both(add(1), add(2), { merge })).toEqual({ sum: 3 });
  });

  it('is kept as written if a merge function throws', async () => {
    const merged = await both(
      (context) => Object.assign(context, { key: 1 }),
      (context) => Object.assign(context, { key: 2 }),
      { merge: { key: () => JSON.parse('{') } },
    );
    expect(merged).toEqual({ key: 2 });
  });

  it('may be under any key', async () => {
    const keys = ['toString', 'valueOf', 'hasOwnProperty', 'a.b', 'a b', '😀', '0', ''];
    const flow = new Flow('f')
      .node('a', (_, { context }) => {
        for (const key of keys) context[key] = `of ${key}`;
      })
      .node('b', (_, { context }) => Object.fromEntries(keys.map((key) => [key, context[key]])))
      .edge('a', 'b');
    const { finish, orchestrator } = await fleetOf(flow);
    const { runId, output } = await finish();
    const expected = Object.fromEntries(keys.map((key) => [key, `of ${key}`]));
    expect(output).toEqual(expected);
    expect({ ...(await orchestrator.context(runId)), a: undefined, b: undefined }).toEqual(expected);
  });

  it('is not kept from a node that fails, except for what an earlier visit wrote', async () => {
    const flow = new Flow('f')
      .node('a', (_, { context }) => {
        context.by = 'a';
      })
      .node('b', (_, { context }) => {
        context.seen = context.by;
        throw new Error('b');
      })
      .edge('a', 'b');
    const { finish, orchestrator } = await fleetOf(flow);
    const { runId, status } = await finish();
    expect(status).toBe('failed');
    expect((await orchestrator.context(runId)).by).toBe('a');
  });

  it('keeps the changes of completed elements when a batch is executed again', async () => {
    let isBroken = true;
    const flow = new Flow('f').batch(
      'each',
      (item: number, { context }) => {
        context.log.push(item);
        if (item === 2 && isBroken) throw new Error('broken');
      },
      { items: 'list' },
    );
    const { finish, orchestrator } = await fleetOf(flow);
    const { runId, status } = await finish({ list: [1, 2, 3], log: [0] });
    expect(status).toBe('failed');
    expect((await orchestrator.context(runId)).log).toEqual([0]);
    isBroken = false;
    await orchestrator.retry(runId);
    expect((await orchestrator.waitForCompletion(runId)).status).toBe('completed');
    expect((await orchestrator.context(runId)).log).toEqual([0, 1, 3, 2]);
  });

  it('is returned by the context store in the order of commits, without outputs that are gone', async () => {
    const flow = new Flow('f')
      .node('start', () => 0)
      .node('turn', (_, { visit }) => (visit === 1 ? { again: true } : undefined), { joinStrategy: 'any' })
      .edge('start', 'turn')
      .edge('turn', 'turn', { condition: (output) => output?.again === true });
    const { finish, orchestrator, engine } = await fleetOf(flow);
    const { runId, status } = await finish();
    expect(status).toBe('completed');
    const context: Record<string, unknown> = {};
    for (const { set, removed } of (await engine.contextStore.getContext(runId)) ?? []) {
      Object.assign(context, set);
      for (const key of removed) delete context[key];
    }
    expect(Object.keys(context).sort()).toEqual(Object.keys(await orchestrator.context(runId)).sort());
  });
});
