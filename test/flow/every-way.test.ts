import { Flow, Node, type NodeArgs, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import fc from '../properties.js';
import { everyWay, type Trial } from './every-way.js';
import { cases } from './random-graphs.js';
import { built, paces } from './scripted-flow.js';

const numRuns = Number(process.env.FLOW_RUNS ?? 30);

const shapes = {
  'acyclic graphs with failures': cases({ failures: true }),
  'graphs with fallbacks': cases({ failures: true, fallbacks: true }),
  'graphs with loops': cases({ cycles: true }),
  'graphs with loops, failures and fallbacks': cases({ cycles: true, failures: true, fallbacks: true }),
};

describe.each(Object.entries(shapes))('%s', (_, arbitrary) => {
  it('come to the same in process, saved, step by step and on a fleet', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, paces, async (one, pace) => {
        await everyWay({ build: () => built(one, pace).flow });
      }),
      { numRuns },
    );
  });
});

/** A flow as it is run: what it is called by its nodes is not looked at here. */
const loose = (flow: unknown) => flow as Flow;
const same = (input: unknown) => input;
const fails = (message: string) => () => Promise.reject(new RangeError(message));

class Phases extends Node {
  override prep({ context }: NodeArgs) {
    context.prepared = true;
    return 2;
  }
  override exec({ input, prepRes }: NodeArgs) {
    return input * prepRes;
  }
  override post({ execRes }: NodeArgs) {
    return execRes > 10 ? 'large' : 'small';
  }
}

const trials: Readonly<Record<string, Trial>> = {
  'a value that transforms change on its way': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', (n: number) => n + 1)
          .node('b', same)
          .node('c', same)
          .edge('a', 'b', { transform: 'output * 10' })
          .edge('a', 'c', { transform: async (n: number) => ({ n }) })
          .edge('b', 'c'),
      ),
    input: 1,
  },
  'a fallback that chooses an action in one turn of a loop, and none in the next': {
    build: () =>
      loose(
        new Flow('f')
          .node('ask', fails('no answer'), { fallback: 'guess' })
          .node('guess', (_input, { visit }) => (visit === 1 ? withAction('again', 'bad') : 'good'))
          .node('use', same)
          .edge('ask', 'ask', { action: 'again' })
          .edge('ask', 'use'),
      ),
  },
  'items of a batch that add to one list and remove a key': {
    build: () =>
      loose(
        new Flow('f')
          .batch(
            'each',
            (item: number, { context }) => {
              context.log.push(item);
              if (item === 2) delete context.first;
            },
            { items: 'list' },
          )
          .node('count', (_, { context }) => context.log.length)
          .edge('each', 'count'),
      ),
    context: { list: [1, 2, 3], log: [0], first: 1 },
  },
  'a transform that fails after another': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', () => 1)
          .node('b', same)
          .node('c', same)
          .edge('a', 'b', { transform: 'output * 10' })
          .edge('a', 'c', { transform: fails('no') }),
      ),
  },
  'a condition that gives no boolean': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', () => 1)
          .node('b', same)
          .edge('a', 'b', { condition: () => 'yes' as never }),
      ),
    context: { a: 'before' },
  },
  'a condition that fails later, with a fallback': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', () => 1, { fallback: 'f' })
          .node('f', () => 2)
          .node('b', same)
          .edge('a', 'b', { condition: async (n) => (n === 2 ? true : Promise.reject(new Error('no'))) }),
      ),
  },
  'conditions and transforms that look at the context': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', (_, { context }) => {
            context.n = 5;
            return 1;
          })
          .node('b', same)
          .node('c', same)
          .edge('a', 'b', { condition: 'context.n == 5 && context.a == 1', transform: 'context.n + context.a' })
          .edge('a', 'c', { condition: (_, { context }) => context.n > 5 }),
      ),
  },
  'an output that a later node changes': {
    build: () =>
      loose(
        new Flow('m')
          .node('order', () => ({ total: 100, lines: [1] }))
          .node('discount', (_, { context }) => {
            context.order.total = 90;
          })
          .node('gift', (_, { context }) => void context.order.lines.push('gift'))
          .node('charge', (_, { context }) => context.order.total)
          .node('count', (_, { context }) => context.order.lines.length)
          .edge('order', 'discount')
          .edge('discount', 'gift')
          .edge('gift', 'charge')
          .edge('gift', 'count'),
      ),
  },
  'an input that a node changes': {
    build: () =>
      loose(
        new Flow('m')
          .node('order', () => ({ total: 100 }))
          .node('discount', (order) => {
            order.total = 90;
            return 'done';
          })
          .node('charge', (_, { context }) => context.order, { inputs: 'order.total' })
          .edge('order', 'discount')
          .edge('discount', 'charge'),
      ),
  },
  'an output that a branch changes, and another reads behind their join': {
    build: () =>
      loose(
        new Flow('m')
          .node('order', () => ({ total: 100, tags: {} as Record<string, boolean> }))
          .node('left', (order) => {
            order.tags.left = true;
          })
          .node('right', (_, { context }) => {
            context.order.tags.right = true;
          })
          .node('end', (_, { context }) => Object.keys(context.order.tags).toSorted())
          .edge('order', 'left')
          .edge('order', 'right')
          .edge('left', 'end')
          .edge('right', 'end'),
      ),
  },
  'an output that is changed in a loop, and made anew in its next turn': {
    build: () =>
      loose(
        new Flow('m')
          .node('turn', (_, { visit }) => ({ visit, seen: [] as number[] }), { joinStrategy: 'any' })
          .node('look', (_, { context, visit }) => {
            context.turn.seen.push(visit);
            return { again: visit < 3, seen: [...context.turn.seen] };
          })
          .node('end', (_, { context }) => context.turn)
          .edge('turn', 'look')
          .edge('look', 'turn', { condition: 'output.again' })
          .edge('look', 'end', { condition: '!output.again' }),
      ),
  },
  'an output that a fallback changes, and a sub-flow inside': {
    build: () =>
      loose(
        new Flow('m')
          .node('order', () => ({ total: 100 }))
          .node('pay', fails('no'), { fallback: 'credit' })
          .node('credit', (order) => {
            order.total = 0;
            return { paid: false };
          })
          .node('mark', (_, { context }) => {
            context.order.isMarked = context.pay.paid;
          })
          .node(
            'sub',
            loose(
              new Flow('inner')
                .node('a', () => ({ n: 1 }))
                .node('b', (a) => {
                  a.n = 2;
                })
                .node('c', (_, { context }) => context.a.n)
                .edge('a', 'b')
                .edge('b', 'c'),
            ),
          )
          .node('end', (_, { context }) => [context.order.isMarked, context.sub])
          .edge('order', 'pay')
          .edge('pay', 'mark')
          .edge('mark', 'sub')
          .edge('sub', 'end'),
      ),
  },
  'an action that no edge has': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', () => withAction('z' as string, 7))
          .node('b', same)
          .edge('a', 'b', { action: 'x' }),
      ),
  },
  'an action of the last node, and of a sub-flow': {
    build: () =>
      loose(
        new Flow('f')
          .node(
            'sub',
            new Flow('inner').node('a', (n: number) => withAction(n > 3 ? 'large' : 'small', n)),
          )
          .node('large', (n) => withAction('done', n))
          .node('small', same)
          .edge('sub', 'large', { action: 'large' })
          .edge('sub', 'small', { action: 'small' }),
      ),
    input: 5,
  },
  'a failure in one turn of a loop that a fallback saves, and none in the next': {
    build: () =>
      loose(
        new Flow('f')
          .node(
            'work',
            (_, { visit }) => {
              if (visit === 1) throw new RangeError('once');
              return withAction('done', visit);
            },
            { fallback: 'instead' },
          )
          .node('instead', () => withAction('again', 0))
          .node('end', same)
          .edge('work', 'work', { action: 'again' })
          .edge('work', 'end', { action: 'done' }),
      ),
  },
  'outputs that are undefined, or were there before': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', () => undefined)
          .node('b', same)
          .node('toString', () => undefined)
          .node('c', (input) => ({ input }))
          .node('turn', (_, { visit }) => (visit < 2 ? withAction('again', 'first') : undefined))
          .edge('a', 'b')
          .edge('toString', 'c')
          .edge('turn', 'turn', { action: 'again' }),
      ),
    context: { a: 'before', b: 'too' },
  },
  'a node that is visited too often': {
    build: () =>
      loose(
        new Flow('f', { maxVisits: 3 })
          .node('a', (_, { visit }) => withAction('again', visit))
          .edge('a', 'a', { action: 'again' }),
      ),
  },
  'a wait and a sleep that are visited too often': {
    build: () =>
      loose(
        new Flow('f')
          .node('start', () => undefined)
          .node('a', (_, { visit }) => visit)
          .wait('w', { maxVisits: 2 })
          .node('b', (_, { visit }) => visit)
          .sleep('s', { duration: 60_000, maxVisits: 1 })
          .edge('start', 'a')
          .edge('start', 'b')
          .edge('a', 'w')
          .edge('w', 'a', { condition: 'true' })
          .edge('b', 's')
          .edge('s', 'b', { condition: 'true' }),
      ),
    events: [
      ['w', 1],
      ['s', 1],
      ['w', 2],
    ],
  },
  'errors that are none': {
    build: () =>
      loose(
        new Flow('f')
          .node('text', () => Promise.reject('text'))
          .node('nothing', () => Promise.reject(undefined))
          .node('object', () => Promise.reject({ code: 7 }))
          .node('class', fails('range'))
          .node('after', same)
          .edge('text', 'after'),
      ),
  },
  'a batch, its failures and its sub-flows': {
    build: () =>
      loose(
        new Flow('f')
          .node('list', () => [1, 2, 3])
          .batch('each', (n: number) => n * 2)
          .batch(
            'subs',
            new Flow('inner').node('a', (n: number) => n + 1),
          )
          .batch('bad', (n: number) => {
            if (n === 2) throw new RangeError(`no ${n}`);
            return n;
          })
          .node('sum', ({ each, subs }) => [each, subs])
          .edge('list', 'each')
          .edge('list', 'subs')
          .edge('list', 'bad')
          .edge('each', 'sum')
          .edge('subs', 'sum'),
      ),
  },
  'a sub-flow that fails, and one whose context is mapped': {
    build: () =>
      loose(
        new Flow('f')
          .node('cart', () => ({ items: [1, 2] }))
          .node(
            'ship',
            new Flow('inner').node('label', (_, { context }) => ({ tracking: `t${context.items.length}` })),
            { inputs: { items: 'cart.items' }, outputs: { tracking: 'label.tracking' } },
          )
          .node('bad', new Flow('bad').node('x', fails('inside')))
          .edge('cart', 'ship')
          .edge('cart', 'bad'),
      ),
  },
  'nodes that are tried again, and then fail by themselves or by their edges': {
    retries: true,
    build: () => {
      const retry = { retries: 2, minTimeout: 0, maxTimeout: 0 };
      const third = (_: unknown, { attempt }: NodeArgs) => {
        if (attempt < 3) throw new RangeError(`attempt ${attempt}`);
        return attempt;
      };
      return loose(
        new Flow('f')
          .node('third', third, { retry })
          .node('never', fails('never'), { retry })
          .node('edges', third, { retry })
          .node('saved', fails('never'), { retry, fallback: 'safe' })
          .node('safe', () => 'safe')
          .node('after', same)
          .edge('third', 'after')
          .edge('edges', 'after', { condition: () => 'yes' as never })
          .edge('saved', 'after', { condition: () => 'yes' as never }),
      );
    },
  },
  'a class with phases': {
    build: () =>
      loose(
        new Flow('f')
          .node('phases', Phases)
          .node('large', same)
          .node('small', same)
          .edge('phases', 'large', { action: 'large' })
          .edge('phases', 'small', { action: 'small' }),
      ),
    input: 7,
  },
  'a stalled join behind a failure': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', fails('down'))
          .node('b', () => 1)
          .node('join', same)
          .node('after', same)
          .edge('a', 'join')
          .edge('b', 'join')
          .edge('join', 'after'),
      ),
  },
  'a run that waits': {
    build: () =>
      loose(
        new Flow('f')
          .node('a', () => 1)
          .wait('w', { event: 'go' })
          .node('b', same)
          .edge('a', 'w')
          .edge('w', 'b'),
      ),
  },
  'what comes for a run that waits, and decides': {
    build: () =>
      loose(
        new Flow('f')
          .wait('approval')
          .sleep('pause', { duration: 86_400_000 })
          .node('yes', same)
          .node('no', same)
          .edge('approval', 'yes', { condition: 'output.ok' })
          .edge('approval', 'no', { condition: '!output.ok' })
          .edge('yes', 'pause'),
      ),
    events: [
      ['approval', { ok: true }],
      ['pause', null],
    ],
  },
  'a wait in a sub-flow and in a batch of them': {
    build: () => {
      const inner = () => new Flow('inner').node('a', same).wait('w').edge('a', 'w');
      return loose(
        new Flow('f')
          .node('list', () => [1, 2])
          .batch('each', inner())
          .node('sub', inner())
          .edge('list', 'each'),
      );
    },
  },
  'a limit on a wait': {
    build: () =>
      loose(
        new Flow('f')
          .wait('approved')
          .sleep('expired', { duration: 86_400_000 })
          .node('decide', (input) => Object.keys(input), { joinStrategy: 'any' })
          .edge('approved', 'decide')
          .edge('expired', 'decide'),
      ),
    events: [['approved', true]],
  },
};

describe('each way comes to the same for', () => {
  it.each(Object.entries(trials))('%s', async (_, trial) => {
    const { status } = await everyWay(trial);
    expect(status).not.toBe('running');
  });
});
