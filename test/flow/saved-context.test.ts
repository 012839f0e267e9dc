import { Orchestrator } from 'orchestrator';
import {
  type Checkpoint,
  type CheckpointStore,
  type Context,
  DefaultSerializer,
  Flow,
  type FlowOptions,
  FlowRuntime,
  MemoryCheckpointStore,
  Node,
  type NodeArgs,
  NodeError,
  SerializationError,
  type WorkflowResult,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred } from '../support.js';

/** The results of a saved run, and of runs that continue from each of its entries. */
async function saved(flow: Flow, context: Context = {}, runId = 'run') {
  const checkpoint = new MemoryCheckpointStore();
  const result = await flow.run(context, { runId, checkpoint });
  return { result, checkpoint };
}

/** The content of a store whose program was killed: all entries up to a number. */
async function killedAt(store: CheckpointStore, runId: string, entries: number): Promise<CheckpointStore> {
  const whole = (await store.load(runId)) as Checkpoint;
  const killed = new MemoryCheckpointStore();
  await killed.save(runId, whole.snapshot, whole.seq);
  for (const [index, entry] of whole.entries.slice(0, entries).entries())
    await killed.append(runId, whole.seq + index + 1, entry);
  return killed;
}

async function entriesOf(store: CheckpointStore, runId = 'run'): Promise<number> {
  return ((await store.load(runId)) as Checkpoint).entries.length;
}

/** A store that does not write the given entries. */
class FailingStore extends MemoryCheckpointStore {
  failing: (entry: string) => boolean = () => false;

  override append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    if (this.failing(entry)) return Promise.reject(new Error('the disk is full'));
    return super.append(runId, seq, entry, token);
  }
}

function plain(context: object): unknown {
  return Object.fromEntries(Object.entries(context));
}

describe("a node's changes of the context", () => {
  it('are saved with its own entry, also if the entry of another could not be made', async () => {
    const make = (fixed: boolean) => {
      const bad = deferred();
      return new Flow('f')
        .node('writer', async (_, { context }: NodeArgs) => {
          context.paid = 'order-42';
          await bad.promise;
        })
        .node('bad', () => {
          setImmediate(bad.resolve);
          return fixed ? 1 : () => undefined;
        })
        .node('after', (_, { context }) => `paid=${context.paid}`)
        .edge('writer', 'after')
        .edge('bad', 'after');
    };
    const { result, checkpoint } = await saved(make(false));
    expect(result.status).toBe('failed');
    expect(result.context.paid).toBe('order-42');
    expect((await make(true).resume('run', { checkpoint })).output).toBe('paid=order-42');
  });

  it('are saved with no other entry, so that a node that is killed does not write twice', async () => {
    const make = (first: boolean) => {
      const quick = deferred();
      return new Flow('f')
        .node('slow', async (_, { context }: NodeArgs) => {
          context.list.push('slow');
          if (!first) return;
          await quick.promise;
          await new Promise(setImmediate);
        })
        .node('quick', (_, { context }) => {
          context.list.push('quick');
          quick.resolve();
        })
        .node('end', (_, { context }) => [...context.list])
        .edge('slow', 'end')
        .edge('quick', 'end');
    };
    const { result, checkpoint } = await saved(make(true), { list: [] });
    expect(result.context.list).toEqual(['quick', 'slow']);
    for (let entries = 0; entries <= (await entriesOf(checkpoint)); entries++) {
      const resumed = await make(false).resume('run', { checkpoint: await killedAt(checkpoint, 'run', entries) });
      expect(resumed.status).toBe('completed');
      expect([...resumed.context.list].toSorted()).toEqual(['quick', 'slow']);
    }
  });

  it('count once they are written: a store that fails once loses nothing', async () => {
    const make = () =>
      new Flow('f')
        .node('a', (_, { context }: NodeArgs) => {
          context.key = 'of a';
        })
        .node('b', (_, { context }) => ({ ...context }))
        .edge('a', 'b');
    const checkpoint = new FailingStore();
    checkpoint.failing = (entry) => entry.includes('of a');
    await expect(make().run({}, { runId: 'run', checkpoint })).rejects.toThrow('the disk is full');
    checkpoint.failing = () => false;
    expect((await make().resume('run', { checkpoint })).output).toEqual({ key: 'of a' });
  });

  it('are dropped if the node failed, was cut short, or waits', async () => {
    const controller = new AbortController();
    const inner = new Flow('inner').wait('approval');
    const flow = new Flow('f')
      .node('failing', (_, { context }: NodeArgs) => {
        context.failing = true;
        context.list.push('failing');
        throw new Error('no');
      })
      .node('waiting', inner)
      .node('endless', (_, { context, signal }: NodeArgs) => {
        context.endless = true;
        setImmediate(() => controller.abort(new Error('stop')));
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      })
      .use((args, next) => {
        args.context[`middleware of ${args.nodeId}`] = true;
        return next();
      });
    const checkpoint = new MemoryCheckpointStore();
    const result = await flow.run({ list: [] }, { runId: 'run', checkpoint, signal: controller.signal });
    expect(result.status).toBe('cancelled');
    expect(plain(result.context)).toEqual({ list: [] });
    const { context } = await new Flow('f')
      .node('failing', () => undefined)
      .node('waiting', inner)
      .node('endless', () => undefined)
      .resume('run', { checkpoint, events: { approval: 1 } });
    expect(plain(context)).toEqual({ list: [], waiting: 1 });
  });
});

describe('what the items of a batch have done to the context', () => {
  const make = (handled: number[]) =>
    new Flow('f')
      .batch(
        'each',
        (item: number, { context }: NodeArgs) => {
          handled.push(item);
          context.log.push(item);
          context.last = item;
          if (item === 2) delete context.first;
          return item * 10;
        },
        { items: 'list', concurrency: 2 },
      )
      .node('after', (outputs, { context }: NodeArgs) => ({ outputs, log: [...context.log], last: context.last }))
      .edge('each', 'after');
  const context = { list: [1, 2, 3], log: [0], first: 'first' };
  const expected = { outputs: [10, 20, 30], log: [0, 1, 2, 3], last: 3 };

  it('is saved with each of them, wherever the run is killed', async () => {
    const { result, checkpoint } = await saved(make([]), context);
    expect(result.output).toEqual(expected);
    expect(plain(result.context)).not.toHaveProperty('first');
    for (let entries = 0; entries <= (await entriesOf(checkpoint)); entries++) {
      const handled: number[] = [];
      const store = await killedAt(checkpoint, 'run', entries);
      const resumed = await make(handled).resume('run', { checkpoint: store });
      expect({ entries, output: resumed.output }).toEqual({ entries, output: expected });
      expect(plain(resumed.context)).toEqual(plain(result.context));
      expect(handled).toEqual([1, 2, 3].slice(entries));
    }
  });

  it('stays beside what a node has done meanwhile, wherever the run is killed', async () => {
    const build = (isFirst: boolean) => {
      const [second, sibling] = [deferred(), deferred()];
      if (!isFirst) for (const gate of [second, sibling]) gate.resolve();
      return new Flow('f')
        .batch(
          'each',
          async (item: number, { context: { log } }: NodeArgs) => {
            if (item === 3) await sibling.promise;
            log.push(item);
            if (item === 2) setImmediate(second.resolve);
          },
          { items: 'list', concurrency: 1 },
        )
        .node('beside', async (_, { context: { log } }: NodeArgs) => {
          await second.promise;
          log.push('beside');
          setImmediate(sibling.resolve);
        });
    };
    const { result, checkpoint } = await saved(build(true), { list: [1, 2, 3], log: [0] });
    const all = [0, 1, 2, 3, 'beside'];
    expect(result.context.log.toSorted()).toEqual(all);
    expect(await entriesOf(checkpoint)).toBe(5);
    for (let entries = 0; entries <= 5; entries++) {
      const store = await killedAt(checkpoint, 'run', entries);
      const { context } = await build(false).resume('run', { checkpoint: store });
      expect({ entries, log: context.log.toSorted() }).toEqual({ entries, log: all });
    }
  });

  it('stays where the run is saved as a whole before it goes on', async () => {
    const { checkpoint } = await saved(make([]), context);
    const store = await killedAt(checkpoint, 'run', 2);
    // Each continued run begins with a snapshot.
    const aborted = await make([]).resume('run', { checkpoint: store, signal: AbortSignal.abort() });
    expect(aborted.status).toBe('cancelled');
    const handled: number[] = [];
    const resumed = await make(handled).resume('run', { checkpoint: store });
    expect(resumed.output).toEqual(expected);
    expect(handled).toEqual([3]);
  });

  it('does not count for an item that failed, and is not lost of those that were done', async () => {
    let isBroken = true;
    const flow = new Flow('f').batch(
      'each',
      (item: number, { context }: NodeArgs) => {
        context.log.push(item);
        if (item === 2 && isBroken) throw new Error('broken');
      },
      { items: 'list' },
    );
    const { result, checkpoint } = await saved(flow, { list: [1, 2, 3], log: [] });
    expect(result.status).toBe('failed');
    expect(result.context.log).toEqual([]);
    isBroken = false;
    const resumed = await flow.resume('run', { checkpoint });
    expect(resumed.context.log).toEqual([1, 3, 2]);
  });

  it('is that of the attempt that succeeded', async () => {
    const flow = new Flow('f').batch(
      'each',
      (item: number, { context, attempt }: NodeArgs) => {
        context.log.push(`${item} at ${attempt}`);
        if (attempt === 1) throw new Error('again');
      },
      { items: 'list', retry: { retries: 1, minTimeout: 0 }, concurrency: 1 },
    );
    const { result } = await saved(flow, { list: [1, 2], log: [] });
    expect(result.context.log).toEqual(['1 at 2', '2 at 2']);
  });

  it('is the state of their tasks', async () => {
    const orchestrator = new Orchestrator<{ log?: number[] }>({ name: 'flow' });
    const flow = new Flow('f').batch(
      'each',
      async (item: number) => {
        await Promise.resolve();
        const state = orchestrator.getState();
        state.log = [...(state.log ?? []), item];
      },
      { items: 'list' },
    );
    const runtime = new FlowRuntime({ registry: flow.registry, orchestrator });
    const { context: after } = await runtime.run(flow, { list: [1, 2] } as object, {
      checkpoint: new MemoryCheckpointStore(),
    });
    expect((after as Context).log).toEqual([1, 2]);
  });
});

describe('an output that a later node changes', () => {
  const discounted = () =>
    new Flow('m')
      .node('order', () => ({ total: 100 }))
      .node('discount', (_, { context }: NodeArgs) => {
        context.order.total = 90;
      })
      .node('charge', (_, { context }) => context.order.total)
      .edge('order', 'discount')
      .edge('discount', 'charge');

  it('holds for those behind it, also where the run is resumed', async () => {
    const { result, checkpoint } = await saved(discounted());
    expect(result.output).toBe(90);
    expect(result.context.order).toEqual({ total: 90 });
    for (let entries = 0; entries <= (await entriesOf(checkpoint)); entries++) {
      const resumed = await discounted().resume('run', { checkpoint: await killedAt(checkpoint, 'run', entries) });
      expect(resumed.output).toBe(90);
    }
  });

  it('may be the input', async () => {
    const flow = new Flow('m')
      .node('order', () => ({ total: 100 }))
      .node('discount', (input) => {
        input.total = 90;
      })
      .node('charge', (_, { context }: NodeArgs) => context.order.total)
      .edge('order', 'discount')
      .edge('discount', 'charge');
    expect((await saved(flow)).result.output).toBe(90);
  });
});

describe('a value that cannot be saved', () => {
  it.each<[string, (context: Context) => unknown, string]>([
    ['an output', () => ({ deep: [() => undefined] }), 'context.n.deep[0]'],
    ['a key', (context) => void Object.assign(context, { client: () => undefined }), 'context.client'],
    [
      'what is inside of a key',
      (context) => {
        context.list.push({ socket: Symbol('s') });
      },
      'context.list[0].socket',
    ],
    [
      'a getter that throws',
      (context) => {
        context.lazy = {
          get value() {
            throw new Error('not now');
          },
        };
      },
      'context.lazy',
    ],
    [
      'a key that is a symbol',
      (context) => {
        context[Symbol('mine') as never] = 1;
      },
      'context[Symbol(mine)]',
    ],
    [
      'a key called __proto__',
      (context) => {
        Reflect.set(context, '__proto__', { polluted: true });
      },
      'context.__proto__',
    ],
  ])('fails the node that has made it, by its path: %s', async (_, work, path) => {
    const flow = new Flow('f')
      .node('n', (_input, { context }: NodeArgs) => {
        context.other = 1;
        return work(context);
      })
      .node('beside', (_input, { context }: NodeArgs) => {
        context.key = true;
      });
    const { result, checkpoint } = await saved(flow, { list: [] });
    expect(result.status).toBe('failed');
    const [error] = result.errors;
    expect(error).toBeInstanceOf(NodeError);
    expect(error?.nodeId).toBe('n');
    expect(error?.cause).toBeInstanceOf(SerializationError);
    expect(error?.cause).toMatchObject({ path });
    expect(plain(result.context)).toEqual({ list: [], key: true });
    const resumed = await new Flow('f')
      .node('n', () => 'mended')
      .node('beside', () => undefined)
      .resume('run', { checkpoint });
    expect(plain(resumed.context)).toEqual({ list: [], key: true, n: 'mended' });
  });

  it.each<[string, unknown]>([
    ['an error', new Error('mine')],
    ['a text', 'mine'],
    ['nothing', undefined],
  ])('is what a serializer of its own refuses by throwing %s', async (_, thrown) => {
    const standard = new DefaultSerializer();
    const serializer = {
      serialize(value: unknown) {
        const text = standard.serialize(value);
        if (text.includes('forbidden')) throw thrown;
        return text;
      },
      deserialize: (text: string) => standard.deserialize(text),
    };
    const checkpoint = new MemoryCheckpointStore();
    const flow = new Flow('f')
      .node('a', (_input, { context }: NodeArgs) => {
        context.key = { is: 'forbidden' };
      })
      .node('b', () => 'of b');
    const runtime = new FlowRuntime({ registry: flow.registry, serializer });
    const result = await runtime.run(flow, {}, { runId: 'run', checkpoint });
    expect(result.errors).toHaveLength(1);
    expect(result.errors[0]?.nodeId).toBe('a');
    expect(result.errors[0]?.cause).toMatchObject({ name: 'SerializationError', path: 'context.key' });
    expect(plain(result.context)).toEqual({ b: 'of b' });
  });

  it('fails its node, and no other, where it is a getter of the context that throws', async () => {
    const flow = new Flow('f')
      .node(
        'a',
        (_, { context }: NodeArgs) => {
          const get = () => {
            throw new Error('a value that must not be looked at');
          };
          Object.defineProperty(context, 'key', { enumerable: true, configurable: true, get });
        },
        { fallback: 'b' },
      )
      .node('b', () => 'instead');
    const { result } = await saved(flow);
    expect(result.status).toBe('completed');
    expect(result.errors[0]?.message).toContain('context.key cannot be saved: it threw an error when it was read');
    expect(result.context).toMatchObject({ a: 'instead' });
  });
});

describe('two nodes that change one key at the same time', () => {
  /** Two nodes that start with the same context, and end one after the other. */
  async function both(
    context: Context,
    first: (context: Context) => void,
    second: (context: Context) => void,
    merge?: FlowOptions['merge'],
  ) {
    const [looked, committed] = [deferred(), deferred()];
    const flow = new Flow('f', merge === undefined ? {} : { merge })
      .node('first', async (_, args: NodeArgs) => {
        await looked.promise;
        first(args.context);
      })
      .node('told', () => committed.resolve())
      .edge('first', 'told')
      .node('second', async (_, args: NodeArgs) => {
        void { ...args.context };
        looked.resolve();
        await committed.promise;
        second(args.context);
      });
    const { result, checkpoint } = await saved(flow, context);
    expect(result.status).toBe('completed');
    const resumed = await flow.resume('run', { checkpoint });
    expect(resumed.context).toEqual(result.context);
    return plain(result.context);
  }

  it('keep all that they have added to a list', async () => {
    const add = (item: string) => (context: Context) => context.list.push(item);
    expect(await both({ list: ['given'] }, add('a'), add('b'))).toEqual({ list: ['given', 'a', 'b'] });
    const begin = (item: string) => (context: Context) => {
      context.list ??= [];
      context.list.push(item);
    };
    expect(await both({}, begin('a'), begin('a'))).toEqual({ list: ['a', 'a'] });
  });

  it('keep what each has changed inside an object', async () => {
    const merged = await both(
      { cart: { a: 1, b: 2, gone: 3, deep: { list: [0] } } },
      ({ cart }) => {
        cart.a = 10;
        delete cart.gone;
        cart.deep.list.push(1);
      },
      ({ cart }) => {
        cart.b = 20;
        cart.more = true;
        cart.deep.list.push(2);
      },
    );
    expect(merged).toEqual({ cart: { a: 10, b: 20, more: true, deep: { list: [0, 1, 2] } } });
  });

  it('are decided by the merge function of the key, where it has one', async () => {
    const add = (n: number) => (context: Context) => {
      context.total += n;
    };
    const merge = { total: (current: number, written: number, base: number) => current + written - base };
    expect(await both({ total: 10 }, add(1), add(2), merge)).toEqual({ total: 13 });
    expect(await both({ total: 10 }, add(1), add(1), merge)).toEqual({ total: 12 });
  });

  it('else the later one holds', async () => {
    const set = (value: unknown) => (context: Context) => {
      context.key = value;
    };
    expect(await both({ key: 0 }, set(1), set(2))).toEqual({ key: 2 });
    expect(await both({ key: [1, 2] }, set([2]), set([1]))).toEqual({ key: [1] });
    expect(await both({ key: { a: 1 } }, set([]), set({ a: 2 }))).toEqual({ key: { a: 2 } });
    const remove = (context: Context) => {
      delete context.key;
    };
    expect(await both({ key: 0 }, set(1), remove)).toEqual({});
    expect(await both({ key: 0 }, remove, set(2))).toEqual({ key: 2 });
  });

  it('leave alone what they have only read', async () => {
    const read = (context: Context) => JSON.stringify(context);
    const write = (context: Context) => Object.assign(context, { key: { new: true } });
    expect(await both({ key: { old: true } }, write, read)).toEqual({ key: { new: true } });
  });
});

describe('the context that a node sees', () => {
  /** Calls a function in a node of a saved run; returns the function's result and the saved context. */
  async function inNode(context: Context, work: (context: Context) => unknown): Promise<WorkflowResult> {
    const flow = new Flow('f')
      .node('n', (_, args: NodeArgs) => work(args.context))
      .node('end', (_, args: NodeArgs) => ({ ...args.context }))
      .edge('n', 'end');
    const { result, checkpoint } = await saved(flow, context);
    expect(result.errors).toEqual([]);
    expect((await flow.resume('run', { checkpoint })).context).toEqual(result.context);
    return result;
  }

  it('is an object like any other', async () => {
    const given = { a: 1, list: [1], date: new Date(0), map: new Map([[1, { deep: true }]]), none: undefined };
    const { context } = await inNode(given, (seen) => ({
      keys: Object.keys(seen),
      spread: { ...seen },
      clone: structuredClone({ ...seen }),
      json: JSON.parse(JSON.stringify(seen)),
      has: ['a' in seen, 'b' in seen, Object.hasOwn(seen, 'none'), 'toString' in seen],
      entries: Object.entries(seen).length,
      isPlain: Object.getPrototypeOf(seen) === Object.prototype,
    }));
    expect(context.n).toEqual({
      keys: ['a', 'list', 'date', 'map', 'none'],
      spread: given,
      clone: given,
      json: { a: 1, list: [1], date: '1970-01-01T00:00:00.000Z', map: {} },
      has: [true, false, true, true],
      entries: 5,
      isPlain: true,
    });
  });

  it('may have keys of any name, but __proto__', async () => {
    const keys = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'a.b', 'a b', '', '0', '😀', 'prototype'];
    const { output } = await inNode({}, (context) => {
      for (const key of keys) context[key] = { of: key };
    });
    expect(output).toEqual(Object.fromEntries(keys.map((key) => [key, { of: key }])));
  });

  it('keeps numbers that are none, and what is not there', async () => {
    const { context } = await inNode({ nan: 0, zero: 0, not: 1 }, (seen) => {
      seen.nan = Number.NaN;
      seen.zero = -0;
      seen.not = undefined;
      seen.big = 10n ** 30n;
    });
    expect(plain(context)).toMatchObject({ nan: Number.NaN, zero: -0, not: undefined, big: 10n ** 30n });
    expect(Object.is(context.zero, -0)).toBe(true);
    expect(Object.hasOwn(context, 'not')).toBe(true);
  });

  it('notices what is changed in place', async () => {
    const given = { map: new Map([['a', [1]]]), set: new Set([1]), date: new Date(0), bytes: new Uint8Array(2) };
    const { context } = await inNode(given, ({ map, set, date, bytes }) => {
      map.get('a').push(2);
      set.add(2);
      date.setTime(1);
      bytes[1] = 7;
    });
    expect(plain(context)).toEqual({
      map: new Map([['a', [1, 2]]]),
      set: new Set([1, 2]),
      date: new Date(1),
      bytes: new Uint8Array([0, 7]),
      end: expect.anything(),
    });
    expect(given.map.get('a')).toEqual([1]);
  });

  it('loses keys that are deleted, in the order that they had', async () => {
    const { output } = await inNode({ a: 1, b: 2, c: 3 }, (context) => {
      delete context.b;
      delete context.never;
      delete context.a;
      context.a = 4;
    });
    expect(Object.entries(output)).toEqual([
      ['a', 4],
      ['c', 3],
    ]);
  });

  it('loses keys that a phase has deleted, for the attempts after it, and those that an attempt has, for what follows', async () => {
    const seen: unknown[] = [];
    class Draft extends Node {
      override prep({ context }: NodeArgs) {
        delete context.gone;
        context.draft = 1;
      }

      override exec({ context }: NodeArgs) {
        seen.push(['gone' in context, context.gone, Object.keys(context)]);
        delete context.draft;
        delete context.kept;
        if (seen.length === 1) throw new Error('busy');
      }

      override post({ context }: NodeArgs) {
        seen.push(Object.keys(context));
      }
    }
    const flow = new Flow('f').node('draft', Draft, { retry: { retries: 1, minTimeout: 1 } });
    const { result } = await saved(flow, { gone: 1, kept: 2, other: 3 });
    expect(result.errors).toEqual([]);
    const before = [false, undefined, ['kept', 'other', 'draft']];
    expect(seen).toEqual([before, before, ['other']]);
    expect(plain(result.context)).toEqual({ other: 3 });
  });

  it('shares nothing between keys, nodes or with the caller', async () => {
    const kept: unknown[] = [];
    const shared = { list: [] as number[] };
    const flow = new Flow('f')
      .node('a', (_, { context }: NodeArgs) => {
        context.one = shared;
        context.two = shared;
        kept.push(context.given);
        return shared;
      })
      .node('b', (input, { context }: NodeArgs) => {
        shared.list.push(1);
        kept.push(context.one, context.two, context.given, input);
        context.one.list.push(2);
      })
      .edge('a', 'b');
    const given = { list: [] };
    const { result } = await saved(flow, { given });
    kept.push(given, shared, result.context.one, result.context.two, result.context.given, result.context.a);
    expect(new Set(kept).size).toBe(kept.length);
    expect(plain(result.context)).toEqual({
      given: { list: [] },
      one: { list: [2] },
      two: { list: [] },
      a: { list: [] },
    });
  });

  it('cannot be frozen, because others go on writing', async () => {
    const { result } = await saved(new Flow('f').node('n', (_, { context }: NodeArgs) => void Object.freeze(context)));
    expect(result.errors[0]?.cause).toBeInstanceOf(TypeError);
  });

  it('takes frozen objects and proxies for what they hold', async () => {
    const { output } = await inNode({}, (context) => {
      context.frozen = Object.freeze({ a: Object.freeze([1]) });
      context.proxy = new Proxy({ b: 2 }, {});
    });
    expect(output).toEqual({ frozen: { a: [1] }, proxy: { b: 2 } });
  });

  it('is of the class that the state is of', async () => {
    class Shop {
      items: number[] = [];
      get total() {
        return this.items.reduce((sum, item) => sum + item, 0);
      }
      set last(item: number) {
        this.items = [...this.items, item];
      }
      add(item: number) {
        this.items.push(item);
      }
    }
    const orchestrator = new Orchestrator({ state: new Shop() });
    const flow = new Flow('f')
      .node('a', (_, { context }: NodeArgs) => {
        context.add(1);
        context.last = 2;
        return context.total;
      })
      .node('b', (_, { context }: NodeArgs) => [context instanceof Shop, context.total])
      .edge('a', 'b');
    const checkpoint = new MemoryCheckpointStore();
    const result = await new FlowRuntime({ orchestrator, registry: flow.registry }).run(flow, {}, { checkpoint });
    expect(result.context.a).toBe(3);
    expect(result.output).toEqual([true, 3]);
    expect(result.context).toBeInstanceOf(Shop);
  });
});

describe('a saved run', () => {
  it('has the view of its node as state in a task, and what is committed outside of nodes', async () => {
    const orchestrator = new Orchestrator<Context>();
    const seen: unknown[] = [];
    orchestrator
      .onProcessBegin(({ context }) => {
        context.token = { of: 'the hook' };
      })
      .onTaskBegin(({ name, context }) => {
        context[`begun ${name}`] = true;
      });
    const flow = new Flow('f')
      .node('a', (_, { context }: NodeArgs) => {
        orchestrator.setState({ by: 'a' });
        seen.push(orchestrator.getState().by, orchestrator.getState() === context, context.token);
      })
      .node('failing', () => {
        orchestrator.setState({ lost: true });
        throw new Error('no');
      })
      .node('b', () => seen.push(orchestrator.getState().by, orchestrator.getState().lost))
      .edge('a', 'b', { condition: () => orchestrator.getState().by === 'a' });
    const checkpoint = new MemoryCheckpointStore();
    const runtime = new FlowRuntime({ orchestrator, registry: flow.registry });
    const result = await runtime.run(flow, {}, { runId: 'run', checkpoint });
    expect(seen).toEqual(['a', true, { of: 'the hook' }, 'a', undefined]);
    const kept = { token: { of: 'the hook' }, by: 'a', 'begun a': true, 'begun b': true, b: expect.anything() };
    expect(plain(result.context)).toEqual(kept);
    expect(plain(orchestrator.getState())).toEqual(kept);
    expect(plain((await runtime.resume(flow, result.snapshot)).context)).toMatchObject(kept);
  });

  it('fails a node whose entry would have had what a hook has written and cannot be saved, once', async () => {
    const orchestrator = new Orchestrator<Context>();
    orchestrator.onProcessBegin(({ context }) => {
      context.pool = () => undefined;
    });
    const flow = new Flow('f').node('a', () => 1).node('b', () => 2);
    const checkpoint = new MemoryCheckpointStore();
    const runtime = new FlowRuntime({ orchestrator, registry: flow.registry });
    const { errors, context } = await runtime.run(flow, {}, { checkpoint });
    expect(errors).toHaveLength(1);
    expect(errors[0]?.cause).toMatchObject({ path: 'context.pool' });
    expect(plain(context)).toEqual({ b: 2 });
  });

  it('lets each attempt begin with what was there before the first', async () => {
    const flow = new Flow('f')
      .node('given', () => ({ list: [] as number[] }))
      .node(
        'retried',
        (input, { context, attempt }: NodeArgs) => {
          context.attempts.push(attempt);
          input.list.push(attempt);
          context[`only ${attempt}`] = true;
          if (attempt < 3) throw new Error('again');
          return [...input.list];
        },
        { retry: { retries: 3, minTimeout: 0 } },
      )
      .edge('given', 'retried');
    const { result } = await saved(flow, { attempts: [0] });
    expect(plain(result.context)).toEqual({
      attempts: [0, 3],
      'only 3': true,
      given: { list: [3] },
      retried: [3],
    });
  });

  it('gives conditions and transforms what the node before them has done', async () => {
    const flow = new Flow('f')
      .node('a', (_, { context }: NodeArgs) => {
        context.way = 'left';
      })
      .node('left', (input) => input)
      .node('right', () => 'right')
      .edge('a', 'left', { condition: "context.way == 'left'", transform: (_, { context }) => [context.way] })
      .edge('a', 'right', { condition: "context.way == 'right'" });
    expect((await saved(flow)).result.output).toEqual(['left']);
  });

  it('keeps nothing of a node whose edges cannot be decided', async () => {
    const flow = new Flow('f')
      .node('a', (_, { context }: NodeArgs) => {
        context.key = 1;
        return 'of a';
      })
      .node('b', () => 'b')
      .edge('a', 'b', {
        condition: () => {
          throw new Error('undecided');
        },
      });
    const { result } = await saved(flow);
    expect(result.status).toBe('failed');
    expect(plain(result.context)).toEqual({});
  });

  it('keeps what a sub-flow does in its own context, and what fallbacks do in theirs', async () => {
    const inner = new Flow('inner')
      .node('one', (_, { context }: NodeArgs) => {
        context.list.push(1);
        return { n: 1 };
      })
      .node('two', (input, { context }: NodeArgs) => {
        input.n = 2;
        context.list.push(2);
        return [context.one, context.list];
      })
      .edge('one', 'two');
    const make = () =>
      new Flow('f')
        .node('sub', inner, { inputs: { list: 'list' } })
        .node(
          'failing',
          (_, { context }: NodeArgs) => {
            context.list.push('failing');
            throw new Error('no');
          },
          { fallback: 'instead' },
        )
        .node('instead', (_, { context }: NodeArgs) => {
          context.list.push('instead');
          return 'saved';
        })
        .node('end', (input, { context }: NodeArgs) => [input, context.list])
        .edge('sub', 'failing')
        .edge('failing', 'end');
    const expected = ['saved', [0, 'instead']];
    const { result, checkpoint } = await saved(make(), { list: [0] });
    expect(result.output).toEqual(expected);
    expect(result.context.sub).toEqual([{ n: 2 }, [0, 1, 2]]);
    for (let entries = 0; entries <= (await entriesOf(checkpoint)); entries++) {
      const resumed = await make().resume('run', { checkpoint: await killedAt(checkpoint, 'run', entries) });
      expect(plain(resumed.context)).toEqual(plain(result.context));
    }
  });

  it('forgets a key of the initial state that was removed', async () => {
    const orchestrator = new Orchestrator<Context>({ state: { draft: true } });
    const flow = new Flow('f').node('a', (_, { context }: NodeArgs) => void delete context.draft);
    const runtime = new FlowRuntime({ orchestrator, registry: flow.registry });
    const checkpoint = new MemoryCheckpointStore();
    await runtime.run(flow, {}, { runId: 'run', checkpoint });
    expect(plain((await runtime.resume(flow, 'run', { checkpoint })).context)).toEqual({});
  });

  it("gives each node a copy of its input, and keeps the run's own as it was", async () => {
    const flow = new Flow('f')
      .node('a', (input) => input.list.push(1))
      .node('b', (input, { context }: NodeArgs) => [input.list, context.a])
      .node('c', (input) => input.list.push(2));
    const checkpoint = new MemoryCheckpointStore();
    const input = { list: [] };
    const result = await flow.run({}, { runId: 'run', checkpoint, input });
    expect(result.output).toEqual({ a: 1, b: [[], undefined], c: 1 });
    expect(input).toEqual({ list: [] });
  });
});
