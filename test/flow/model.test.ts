import { describe, expect, it } from 'vitest';
import fc from '../properties.js';
import { everyWay } from './every-way.js';
import { type Execution, modelRun, type Step } from './model.js';
import { flattened, loopsOf, type ModelGraph } from './model-loops.js';
import { type Case, cases, scriptOf } from './random-graphs.js';
import { built } from './scripted-flow.js';
import { graph } from './written-graph.js';

type Steps = Readonly<Record<string, Step | readonly Step[]>>;

/** The graphs of this file. Each has a script of what its nodes do, for some visits, so that each run ends. */
const written: Case[] = [];

function note(of: ModelGraph, steps: Steps): void {
  const listed = Object.entries(steps).map(([id, given]) => {
    const list = [given].flat();
    const more = Array.from({ length: 4 }, () => list.at(-1) ?? {});
    return [id, [...list, ...more]] as const;
  });
  written.push({ graph: of, steps: Object.fromEntries(listed) });
}

/** A run in which each node does what the list says for each visit, and repeats the last item. */
function run(of: ModelGraph, steps: Steps = {}) {
  note(of, steps);
  const result = modelRun(of, (id, visit) => {
    const list = [steps[id] ?? {}].flat();
    return list[visit - 1] ?? list.at(-1) ?? {};
  });
  const batches = result.batches.map((batch) => batch.toSorted().join(' '));
  const [completed, skipped, failed, unreached] = [
    result.completed,
    result.skipped,
    result.failed,
    result.unreached,
  ].map((set) => [...set].toSorted().join(' '));
  return { ...result, batches, completed, skipped, failed, unreached };
}

const again: Step = { action: 'again' };
const fails: Step = { fails: true };

describe('a graph without loops', () => {
  const diamond = graph('a>b a>c b>d c>d');

  it('joins both sides of a diamond', () => {
    const { batches, status, order } = run(diamond);
    expect(batches).toEqual(['a#1', 'b#1 c#1', 'd#1']);
    expect(status).toBe('completed');
    expect(order.get('d#1')).toEqual([['b#1', 'c#1']]);
  });

  it('skips the branch that an action does not choose, and rejoins', () => {
    const { batches, skipped, order } = run(graph('a>b:left a>c:right b>d c>d'), { a: { action: 'right' } });
    expect(batches).toEqual(['a#1', 'c#1', 'd#1']);
    expect(skipped).toBe('b');
    expect(order.get('d#1')).toEqual([['a#1', 'c#1']]);
  });

  it('takes the edges without an action if no edge has the chosen action', () => {
    const line = graph('a>b:left a>c');
    expect(run(line, { a: { action: 'other' } }).completed).toBe('a c');
    expect(run(line, { a: { action: 'left' } }).completed).toBe('a b');
  });

  it('fails a node whose action no edge has, if all edges have actions', () => {
    const { status, failed, unreached } = run(graph('a>b:left a>c:right'), { a: { action: 'other' } });
    expect([status, failed, unreached]).toEqual(['failed', 'a', 'b c']);
    expect(run(graph('a>b:left a>c:right')).skipped).toBe('b c');
  });

  it('skips all that is behind edges that are not taken', () => {
    const { status, completed, skipped } = run(graph('a>b?no b>c c>d'));
    expect([status, completed, skipped]).toEqual(['completed', 'a', 'b c d']);
  });

  it('takes an arc when one of its edges is taken', () => {
    expect(run(graph('a>b?no a>b?yes'), { a: { holds: ['yes'] } }).completed).toBe('a b');
  });

  it('starts a join of any from its shorter side, once', () => {
    const { batches, order } = run(graph('a>d a>b b>c c>d d>e', { d: { joinStrategy: 'any' } }));
    expect(batches).toEqual(['a#1', 'b#1 d#1', 'c#1 e#1']);
    expect(order.get('d#1')).toEqual([['a#1'], ['c#1']]);
  });

  it('does not reach the nodes behind a failed node, and runs the rest', () => {
    const { status, completed, failed, unreached } = run(graph('a>b a>c b>d c>d c>e'), { b: fails });
    expect([status, completed, failed, unreached]).toEqual(['failed', 'a c e', 'b', 'd']);
  });

  it('fails a node with a condition that cannot be evaluated', () => {
    const { failed, unreached } = run(graph('a>b?odd a>c'), { a: { broken: ['odd'] } });
    expect([failed, unreached]).toEqual(['a', 'b c']);
  });
});

describe('a fallback', () => {
  const simple = graph('a>b b>c:no b>d f>e', { b: { fallback: 'f' } });

  it('stands in for the node that failed', () => {
    const { batches, status, completed, skipped, order } = run(simple, { b: fails, f: { action: 'no' } });
    expect(batches).toEqual(['a#1', 'b#1', 'f#1', 'c#1 e#1']);
    expect([status, completed, skipped]).toEqual(['completed', 'a b c e f', 'd']);
    expect(order.get('c#1')).toEqual([['b#1', 'f#1']]);
  });

  it('is skipped when it is not needed', () => {
    expect(run(simple).skipped).toBe('c e f');
  });

  it('fails together with its owner', () => {
    const { status, failed, unreached } = run(simple, { b: fails, f: fails });
    expect([status, failed, unreached]).toEqual(['failed', 'b f', 'c d e']);
  });

  it('cannot stand in with an action that no edge of its owner has', () => {
    const { status, completed, failed, lost } = run(graph('s>b b>c:yes f>e', { b: { fallback: 'f' } }), {
      b: fails,
      f: { action: 'no' },
    });
    expect([status, completed, failed, [...lost]]).toEqual(['failed', 'e f s', 'b', ['b#1']]);
  });

  it('runs once for all that share it', () => {
    const shared = graph('a>b a>c c>d b>e d>e', { b: { fallback: 'f' }, d: { fallback: 'f' } });
    const { batches, status } = run(shared, { b: fails, d: fails });
    expect(batches).toEqual(['a#1', 'b#1 c#1', 'd#1 f#1', 'e#1']);
    expect(status).toBe('completed');
  });

  it('may have a fallback itself', () => {
    const chained = graph('a>b', { a: { fallback: 'f' }, f: { fallback: 'g' } });
    expect(run(chained, { a: fails, f: fails }).completed).toBe('a b f g');
    expect(run(chained, { a: fails }).skipped).toBe('g');
  });
});

describe('a loop', () => {
  it('runs turn by turn, with a join inside', () => {
    const joined = graph('s>h h>a h>b a>j b>j j>h:again j>e');
    const { batches, status, order } = run(joined, { j: [again, {}] });
    expect(batches).toEqual(['s#1', 'h#1', 'a#1 b#1', 'j#1', 'h#2', 'a#2 b#2', 'j#2', 'e#1']);
    expect(status).toBe('completed');
    expect(order.get('h#2')).toEqual([['h#1', 'a#1', 'b#1', 'j#1']]);
  });

  it('begins its next turn only after all of its nodes', () => {
    const { batches } = run(graph('h>h:again h>a a>b b>h?back'), { h: [{}, {}], b: [{ holds: ['back'] }, {}] });
    expect(batches).toEqual(['h#1', 'a#1', 'b#1', 'h#2', 'a#2', 'b#2']);
  });

  it('lets what is behind it start with the first edge out, once', () => {
    const { batches } = run(graph('h>e h>a a>h:again'), { a: [again, again, {}] });
    expect(batches).toEqual(['h#1', 'a#1 e#1', 'h#2', 'a#2', 'h#3', 'a#3']);
  });

  it('refuses an edge out only when it has ended', () => {
    const { batches, skipped } = run(graph('h>e?out h>x h>h:again x>y'), {
      h: [again, { action: 'again', holds: ['out'] }, { holds: ['out'] }],
    });
    expect(batches).toEqual(['h#1', 'h#2', 'h#3', 'e#1 x#1', 'y#1']);
    expect(skipped).toBe('');
    expect(run(graph('h>e?out e>f h>h:again'), { h: [again, {}] }).skipped).toBe('e f');
  });

  it('starts only the headers that edges lead back to', () => {
    const two = graph('s>a s>b a>c b>c c>a:left c>b:right');
    const { batches, skipped, order } = run(two, { c: [{ action: 'right' }, { action: 'left' }, {}] });
    expect(batches).toEqual(['s#1', 'a#1 b#1', 'c#1', 'b#2', 'c#2', 'a#2', 'c#3']);
    expect(skipped).toBe('b');
    expect(order.get('c#2')?.[0]).toContain('a#1');
  });

  it('starts at the first declared node if every node has a predecessor', () => {
    const { batches } = run(graph('a>b b>a:again'), { b: [again, {}] });
    expect(batches).toEqual(['a#1', 'b#1', 'a#2', 'b#2']);
  });

  it('stops when a node in it fails', () => {
    const { status, unreached, completed } = run(graph('h>a h>b a>h:again b>h:again h>e?out'), { a: again, b: fails });
    expect([status, completed, unreached]).toEqual(['failed', 'a h', 'e']);
  });

  it('ends a node that is visited too often', () => {
    const { status, executions, failed } = run(graph('h>h:again', { h: { maxVisits: 2 } }), { h: again });
    expect([status, executions.get('h'), failed]).toEqual(['failed', 2, 'h']);
  });

  it('repeats a fallback with its owner', () => {
    const saved = graph('h>a a>h:again f>b b>e', { a: { fallback: 'f' }, b: { joinStrategy: 'any' } });
    const { batches, status, completed } = run(saved, { a: [fails, fails, {}], f: [again, again] });
    expect(batches).toEqual(['h#1', 'a#1', 'f#1', 'b#1 h#2', 'a#2 e#1', 'f#2', 'h#3', 'a#3']);
    expect([status, completed]).toEqual(['completed', 'a b e h']);
  });

  it('may lead back from a fallback', () => {
    const { batches, status } = run(graph('s>a a>b b>e f>a:again', { b: { fallback: 'f' } }), {
      b: [fails, {}],
      f: again,
    });
    expect(batches).toEqual(['s#1', 'a#1', 'b#1', 'f#1', 'a#2 e#1', 'b#2']);
    expect(status).toBe('completed');
  });
});

describe('a loop in a loop', () => {
  const nested = graph('s>o o>i i>k k>i:inner k>o:outer k>e');

  it('is detected inside the outer one', () => {
    const loops = flattened(loopsOf(nested)).map(({ members, headers }) => ({
      members: [...members].join(' '),
      headers: [...headers].join(' '),
    }));
    expect(loops).toEqual([
      { members: 'i k', headers: 'i' },
      { members: 'o i k', headers: 'o' },
    ]);
  });

  it('begins anew with each turn of the outer one', () => {
    const [inner, outer]: Step[] = [{ action: 'inner' }, { action: 'outer' }];
    const { batches } = run(nested, { k: [inner, outer, inner, {}] as Step[] });
    expect(batches).toEqual('s#1 o#1 i#1 k#1 i#2 k#2 o#2 i#3 k#3 i#4 k#4 e#1'.split(' '));
  });

  it('runs what lies between the two once for each turn of the outer one', () => {
    const between = graph('o>i i>i:again i>m m>o:again');
    const { batches } = run(between, { i: [again, {}, again, again, {}], m: [again, {}] });
    expect(batches).toEqual('o#1 i#1 i#2 m#1 o#2 i#3 i#4 i#5 m#2'.split(' '));
  });

  it('refuses an edge out of both when the outer one has ended', () => {
    const { batches, skipped } = run(graph('o>i i>i:again i>o?back i>e:out e>z o>z'), {
      i: [again, { holds: ['back'] }, again, {}],
    });
    expect(batches).toEqual(['o#1', 'i#1', 'i#2', 'o#2', 'i#3', 'i#4', 'z#1']);
    expect(skipped).toBe('e');
  });
});

it('has the same result in process, saved, step by step and on a fleet, for each of the graphs above', async () => {
  // The graphs of the tests that were run.
  expect(written).not.toEqual([]);
  for (const one of written) await everyWay({ build: () => built(one, ['at once']).flow });
});

it('has the same result, whichever of the ready nodes goes first', () => {
  const shape = { cycles: true, failures: true, fallbacks: true };
  fc.assert(
    fc.property(cases(shape), fc.array(fc.nat(), { minLength: 1 }), (one, picks) => {
      let turn = 0;
      const single = (ready: readonly string[]) => [ready[(picks[turn++ % picks.length] ?? 0) % ready.length] ?? ''];
      const { batches, order: _, ...ends } = modelRun(one.graph, scriptOf(one), single);
      const { batches: __, order, ...expected } = modelRun(one.graph, scriptOf(one));
      expect(ends).toEqual(expected);
      const when = (execution: Execution) => batches.findIndex((batch) => batch.includes(execution));
      for (const [execution, causes] of order) {
        expect(causes.some((all) => all.every((cause) => when(cause) < when(execution)))).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
