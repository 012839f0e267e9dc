import { beforeAll, describe, expect, it } from 'vitest';
import { amountOf } from '../needs/amount.js';
import fc from '../properties.js';
import { counted } from './compare.js';
import { at, DatabaseState, type Misery, type Misfortune, Stage, type Story, workedOff } from './dying-workers.js';
import { type Execution, type ModelResult, modelRun, type Step } from './model.js';
import type { ModelEdge, ModelNode } from './model-loops.js';
import { type Case, cases, scriptOf } from './random-graphs.js';
import { built, type Pace, paces } from './scripted-flow.js';

const numRuns = amountOf('FLOW_RUNS', 100, 40);

const again: Step = { action: 'again' };
const bad: Step = { fails: true };

type Described = Omit<ModelNode, 'id'> & { readonly does?: readonly Step[] };

/**
 * A graph in short notation: nodes by name, with their behaviour at each visit, and edges as `a>b`, followed by their
 * action or condition.
 */
function graph(nodes: Readonly<Record<string, readonly Step[] | Described>>, edges: string): Case {
  const entries = Object.entries(nodes).map(([id, node]) => ({ id, ...('length' in node ? { does: node } : node) }));
  return {
    graph: {
      nodes: entries.map(({ does: _, ...node }: { id: string } & Described): ModelNode => node),
      edges: edges.split(/\s+/).map((text): ModelEdge => {
        const [, source = '', target = '', action, condition] = /^(\w+)>(\w+)(?::(\w+))?(?:\?(\w+))?$/.exec(text) ?? [];
        return { source, target, ...(action && { action }), ...(condition && { condition }) };
      }),
    },
    steps: Object.fromEntries(entries.map(({ id, does = [] }: { id: string } & Described) => [id, does])),
  };
}

const graphs: Record<string, Case> = {
  'a chain': graph({ a: [], b: [], c: [] }, 'a>b b>c'),
  'a join of two': graph({ a: [], b: [], c: [], d: [], e: [] }, 'a>b a>c b>d c>d d>e'),
  'a join of three': graph({ a: [], b: [], c: [], d: [], e: [], f: [] }, 'a>b a>c a>d b>e c>e d>e e>f'),
  'starts that meet': graph({ a: [], b: [], c: [] }, 'a>c b>c'),
  'a join of any': graph({ a: [], b: [], c: [], d: { joinStrategy: 'any' }, e: [] }, 'a>b a>c b>d c>d d>e'),
  'a join of any that one branch alone leads to': graph(
    { a: [{ action: 'x' }], b: [], c: [], d: { joinStrategy: 'any' }, e: [] },
    'a>b:x a>c:y b>d c>d d>e',
  ),
  'a branch that is skipped': graph(
    { a: [{ action: 'x' }], b: [], c: [], d: [], e: [], f: [] },
    'a>b:x a>c:y c>d b>e d>e e>f',
  ),
  'branches that are all skipped': graph(
    { a: [{ action: 'z' }], b: [], c: [], d: [], e: [], f: [] },
    'a>b:x a>c:y b>d c>d d>e a>f:z',
  ),
  'a clean-up and an alarm behind a failure': graph(
    {
      a: [],
      b: [bad],
      c: [],
      d: { joinStrategy: 'settled' },
      e: { joinStrategy: 'failed' },
      f: { joinStrategy: 'allCompleted' },
      g: { joinStrategy: 'settled' },
    },
    'a>b b>c a>d c>d c>e a>f b>f f>g',
  ),
  'a clean-up and an alarm where nothing fails': graph(
    { a: [{ action: 'x' }], b: [], c: [], d: { joinStrategy: 'settled' }, e: { joinStrategy: 'failed' }, f: [] },
    'a>b:x a>c:y b>d c>d b>e c>e e>f',
  ),
  'a join of nodes that are all to complete': graph(
    { a: [{ action: 'x' }], b: [], c: [], d: { joinStrategy: 'allCompleted' }, e: { joinStrategy: 'allCompleted' } },
    'a>b:x a>c:y b>d c>d a>e:x b>e',
  ),
  'a failure in a loop': graph(
    {
      s: [],
      a: [],
      b: [{}, bad],
      c: [],
      d: { joinStrategy: 'settled', does: [again, again] },
      e: { joinStrategy: 'settled' },
      f: { joinStrategy: 'failed' },
    },
    's>a a>b a>c b>d c>d d>a:again c>e?out b>f d>f?out',
  ),
  'a failure around a loop that has ended': graph(
    { o: [], i: [again, {}], x: [bad], e: { joinStrategy: 'settled' }, f: { joinStrategy: 'failed' } },
    'o>i i>i:again i>e?out o>x x>o:again i>f?out',
  ),
  'a failure around a loop whose exit leads to an alarm around it': graph(
    { o: [{ holds: ['in'] }], x: [bad], i: [], a: [], f: { joinStrategy: 'failed' } },
    'o>x o>i?in i>a:in a>i a>f x>o:again f>o:again',
  ),
  'a fallback that a failure keeps from being needed': graph(
    { a: [bad], b: { fallback: 'f' }, f: [], e: { joinStrategy: 'settled' }, g: { joinStrategy: 'failed' } },
    'a>b f>e b>g',
  ),
  'a fallback that fails before a clean-up': graph(
    {
      a: [],
      b: { fallback: 'f', does: [bad] },
      f: [bad],
      e: { joinStrategy: 'settled' },
      g: { joinStrategy: 'failed' },
    },
    'a>b b>e b>g f>e',
  ),
  'a fallback in vain before an alarm': graph(
    { a: [], b: { fallback: 'f', does: [bad] }, f: [{ action: 'y' }], c: [], e: { joinStrategy: 'failed' } },
    'a>b b>c:x c>e',
  ),
  'a condition': graph({ a: [{ holds: ['yes'] }], b: [], c: [], d: [] }, 'a>b?yes a>c?no b>d c>d'),
  'a condition that cannot be evaluated': graph({ a: [{ broken: ['yes'] }], b: [], c: [] }, 'a>b?yes a>c'),
  'a loop': graph({ a: [], b: [again, again, { action: 'done' }], c: [] }, 'a>b b>a:again b>c:done'),
  'a loop of one node': graph({ a: [], b: [again, again, { action: 'done' }], c: [] }, 'a>b b>b:again b>c:done'),
  'a loop with a join': graph(
    { a: [], b: [], c: [], d: [again, again, { action: 'done' }], e: [] },
    'a>b a>c b>d c>d d>a:again d>e:done',
  ),
  'a loop whose turns differ': graph(
    {
      a: [{ action: 'x' }, { action: 'y' }, { action: 'x' }],
      b: [],
      c: [],
      d: [again, again, { action: 'done' }],
      e: [],
    },
    'a>b:x a>c:y b>d c>d d>a:again d>e:done',
  ),
  'a loop whose turns are over before its answer is read': graph(
    { s: [], a: [], b: [again, again], c: [], d: [], z: [] },
    's>a a>b a>c b>a:again b>z a>d c>d',
  ),
  'nested loops': graph(
    {
      a: [],
      b: [],
      c: [again, { action: 'out' }, again, { action: 'out' }],
      d: [{ action: 'outer' }, { action: 'done' }],
      e: [],
    },
    'a>b b>c c>b:again c>d:out d>a:outer d>e:done',
  ),
  'an inner loop that repeats the outer': graph(
    { a: [], b: [], c: [again, { action: 'outer' }, again, { action: 'done' }], e: [] },
    'a>b b>c c>b:again c>a:outer c>e:done',
  ),
  'a loop with two headers': graph(
    {
      s: [{ action: 'x' }],
      a: [],
      b: [{ action: 'back' }, { action: 'back' }, { action: 'done' }],
      e: [],
    },
    's>a:x s>b:y a>b b>a:back b>e:done',
  ),
  'exits that are taken early': graph(
    { a: [{ holds: ['now'] }, {}, {}], b: [again, again, { action: 'done' }], c: [], d: [], e: [] },
    'a>b b>a:again b>d:done a>c?now c>e d>e',
  ),
  'an exit that is not taken': graph(
    { a: [], b: [again, { action: 'done' }], c: [], d: [], e: [] },
    'a>b b>a:again b>d:done b>c:never c>e d>e',
  ),
  'a fallback': graph({ a: [], b: { fallback: 'f', does: [bad] }, f: [], c: [], d: [], e: [] }, 'a>b a>c b>d c>d d>e'),
  'a fallback that is not needed': graph({ a: [], b: { fallback: 'f' }, f: [], g: [], c: [] }, 'a>b b>c f>g g>c'),
  'a fallback that fails': graph({ a: [], b: { fallback: 'f', does: [bad] }, f: [bad], c: [], d: [] }, 'a>b b>d a>c'),
  'a fallback of two': graph(
    { a: [], b: { fallback: 'f', does: [bad] }, c: { fallback: 'f', does: [bad] }, f: [{ action: 'x' }], d: [], e: [] },
    'a>b a>c b>d:x b>e:y c>d',
  ),
  'a fallback of two that one needs': graph(
    { a: [], b: { fallback: 'f', does: [bad] }, c: { fallback: 'f' }, f: [], d: [], e: [] },
    'a>b a>c b>d c>d d>e f>e',
  ),
  'a fallback with a fallback': graph(
    { a: [], b: { fallback: 'f', does: [bad] }, f: { fallback: 'g', does: [bad] }, g: [], c: [] },
    'a>b b>c',
  ),
  'a fallback in a loop': graph(
    { a: [], b: { fallback: 'f', does: [bad, {}, bad] }, f: [], c: [again, again, { action: 'done' }], d: [] },
    'a>b b>c c>a:again c>d:done',
  ),
  'too many visits': graph(
    { a: [], b: { maxVisits: 2, does: [again, again, again] }, c: [] },
    'a>b b>a:again b>c:done',
  ),
};

/** Inputs that depend on the order of arrival are not compared. */
const hasRaces = ({ graph: { nodes } }: Case) =>
  nodes.some(({ joinStrategy }) => joinStrategy === 'any' || joinStrategy === 'failed');

type Seen = Map<Execution, unknown>;

async function inProcess(one: Case): Promise<Seen> {
  const seen: Seen = new Map();
  const { flow, runtime } = built(one, ['at once'], (execution, input) => seen.set(execution, input));
  await runtime.run(flow);
  return seen;
}

interface Lived extends Story {
  readonly state: DatabaseState;
  readonly starts: readonly Execution[];
  readonly seen: Seen;
}

/** A graph that is run again and again. */
class Lives {
  readonly #stage: Stage;
  #starts: Execution[] = [];
  #seen: Seen = new Map();

  constructor(one: Case, pace: readonly Pace[] = ['at once']) {
    const { flow } = built(one, pace, (execution, input) => {
      this.#starts.push(execution);
      this.#seen.set(execution, input);
    });
    this.#stage = new Stage(flow);
  }

  async live(misery: Omit<Misery, 'state'> = {}): Promise<Lived> {
    this.#starts = [];
    this.#seen = new Map();
    const [starts, seen, state] = [this.#starts, this.#seen, new DatabaseState()];
    return { ...(await workedOff(this.#stage, { ...misery, state })), state, starts, seen };
  }
}

interface Outcome {
  readonly completed: ReadonlySet<string>;
  readonly skipped: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
  readonly recovered: ReadonlySet<string>;
  readonly executions: ReadonlyMap<string, number>;
}

function outcomeOf({ state, starts }: Lived): Outcome {
  const { completed, skipped, errors, recovered } = state;
  const failed = [...errors.keys()].filter((id) => !recovered.has(id));
  const executions = counted([...new Set(starts)]);
  return { completed, skipped, failed: new Set(failed), recovered: new Set(recovered.keys()), executions };
}

/** In a loop a node may complete in one turn and be skipped in another; the model knows only its last turn. */
function expectAsModelled(undisturbed: Lived, expected: ModelResult): void {
  const { completed, skipped, failed, executions } = outcomeOf(undisturbed);
  expect({ failed, executions }).toEqual({ failed: expected.failed, executions: expected.executions });
  expect([...expected.completed].filter((id) => !completed.has(id))).toEqual([]);
  expect([...expected.skipped].filter((id) => !skipped.has(id))).toEqual([]);
  expect(new Set(undisturbed.starts).size).toBe(undisturbed.starts.length);
}

/** Expects the same end as the model. Only nodes whose jobs were delivered again may have been executed again. */
function expectSame(lived: Lived, undisturbed: Lived, what: string): void {
  expect({ what, ...outcomeOf(lived) }).toEqual({ what, ...outcomeOf(undisturbed) });
  const twice = lived.starts.filter((execution, at) => lived.starts.indexOf(execution) !== at);
  const allowed = [...lived.again];
  const tooMany = twice.filter((execution) => {
    const at = allowed.indexOf(execution.split('#')[0] as string);
    if (at >= 0) allowed.splice(at, 1);
    return at < 0;
  });
  expect({ what, tooMany }).toEqual({ what, tooMany: [] });
}

describe.each(Object.entries(graphs))('%s', (_, one) => {
  const lives = new Lives(one);
  let undisturbed: Lived;

  beforeAll(async () => {
    undisturbed = await lives.live();
    expect(undisturbed.calls).toBeGreaterThan(4);
  });

  it('ends as in process', async () => {
    expectAsModelled(undisturbed, modelRun(one.graph, scriptOf(one)));
    if (!hasRaces(one)) expect(undisturbed.seen).toEqual(await inProcess(one));
  });

  it.each([
    ['dies after', 'first'],
    ['dies after', 'last'],
    ['fails', 'last'],
    ['is done and fails', 'first'],
  ] as const)('is the same where a call %s, whichever it is, and the job comes again %s', async (misfortune, again) => {
    for (let call = 0; call < undisturbed.calls; call++) {
      const run = await lives.live({ fate: at({ [call]: misfortune }), again });
      expectSame(run, undisturbed, `call ${call}`);
      if (!hasRaces(one)) expect(run.seen).toEqual(undisturbed.seen);
      expect(run.rejections).toHaveLength(misfortune.endsWith('fails') ? 1 : 0);
    }
  });

  it('ends the same if two workers die, at calls that are apart or adjacent', async () => {
    for (let call = 0; call < undisturbed.calls; call++) {
      for (const gap of [1 + (call % 3), 5 + (call % 17)]) {
        const fate = at({ [call]: 'dies after', [call + gap]: 'dies after' });
        expectSame(await lives.live({ fate, again: 'last' }), undisturbed, `calls ${call} and ${call + gap}`);
      }
    }
  });

  it('ends the same in any order of two workers, one of which dies', async () => {
    for (let call = 0; call < undisturbed.calls; call++) {
      const again = call % 2 === 0 ? 'first' : 'last';
      const pick = (length: number) => call % length;
      const run = await lives.live({ fate: at({ [call]: 'dies after' }), workers: 2, pick, again });
      expectSame(run, undisturbed, `call ${call}, again ${again}`);
    }
  });
});

it('runs random graphs to the same end, whichever workers die', { timeout: 600_000 }, async () => {
  const arbitrary = fc.oneof(
    cases({ failures: true }),
    cases({ failures: true, fallbacks: true }),
    cases({ cycles: true }),
    cases({ cycles: true, failures: true, fallbacks: true }),
  );
  const misfortune = fc.constantFrom<Misfortune>('dies before', 'dies after', 'fails', 'is done and fails');
  const when = fc.record({ part: fc.double({ min: 0, max: 1, noNaN: true }), gap: fc.nat({ max: 30 }), misfortune });
  const life = fc.record({
    deaths: fc.array(when, { minLength: 1, maxLength: 3 }),
    workers: fc.integer({ min: 1, max: 3 }),
    order: fc.array(fc.nat(), { minLength: 1, maxLength: 10 }),
    again: fc.constantFrom<'first' | 'last'>('first', 'last'),
    pace: paces,
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, life, async (one, { deaths, workers, order, again, pace }) => {
      const undisturbed = await new Lives(one).live();
      expectAsModelled(undisturbed, modelRun(one.graph, scriptOf(one)));
      if (!hasRaces(one)) expect(undisturbed.seen).toEqual(await inProcess(one));
      const fates: Record<number, Misfortune> = {};
      for (const { part, gap, misfortune } of deaths) fates[Math.floor(part * undisturbed.calls) + gap] = misfortune;
      let turn = 0;
      const pick = (length: number) => (order[turn++ % order.length] ?? 0) % length;
      const run = await new Lives(one, pace).live({ fate: at(fates), workers, again, pick });
      expectSame(run, undisturbed, 'random');
      if (!hasRaces(one)) expect(run.seen).toEqual(undisturbed.seen);
    }),
    { numRuns },
  );
});
