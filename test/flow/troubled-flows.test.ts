import { expect, it } from 'vitest';
import { comparable, inProcess } from '../distributed/protocol/troubled-fleets.js';
import fc from '../properties.js';
import { mayLetGoByTime, mayLoseFallback, sceneOf, type TroubledCase, troubledCases } from './troubled-flows.js';

/* The results of random flows are compared with those of other runs: no result may depend on how long nodes take. */

const everything = { own: true, log: true, tally: true, touch: true, removes: true };

function caseOf(graph: TroubledCase['one']['graph'], rest: Partial<TroubledCase> = {}): TroubledCase {
  const one = { graph, steps: { a: [{ holds: ['e4', 'e5'] }], b: [{ holds: [] }], c: [{ holds: [] }] } };
  return { one, specials: [], writes: [everything], flaky: [false], paces: [0], concurrency: undefined, ...rest };
}

async function endsOf(given: TroubledCase): Promise<unknown[]> {
  const ends: unknown[] = [];
  for (const paces of [[0], [3], [1, 5], [7, 0, 2], [0, 4, 0, 9, 1]]) {
    for (const concurrency of [2, undefined]) {
      const { result, executions } = await inProcess(sceneOf({ ...given, paces, concurrency }), 'run');
      ends.push([comparable(result), [...new Set(executions)].toSorted()]);
    }
  }
  return ends;
}

const shapes = {
  'acyclic graphs': troubledCases({ failures: true }),
  'graphs with fallbacks': troubledCases({ failures: true, fallbacks: true }),
  'graphs with loops, failures and fallbacks': troubledCases({ cycles: true, failures: true, fallbacks: true }),
};

it.each(Object.entries(shapes))(
  '%s come to the same however long their nodes take',
  { timeout: 600_000 },
  async (_, cases) => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        if (mayLoseFallback(given) || mayLetGoByTime(given)) return;
        const [first, ...others] = await endsOf(given);
        for (const other of others) expect(other).toEqual(first);
      }),
      { numRuns: Number(process.env.PACED_RUNS ?? 25) },
    );
  },
);

it('nodes do not write to what runs beside them, where both begin a loop', async () => {
  const graph = {
    nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
    edges: [
      { source: 'b', target: 'c', action: 'y' },
      { source: 'a', target: 'b' },
      { source: 'a', target: 'c' },
      { source: 'c', target: 'b', condition: 'e4' },
    ],
  };
  const [first, ...others] = await endsOf(caseOf(graph));
  for (const other of others) expect(other).toEqual(first);
});

it('what is let go depends on time where a node starts at the first of what lies behind a sleep and a wait', () => {
  const twice = {
    nodes: [{ id: 'a' }, { id: 'b', joinStrategy: 'any' as const }],
    edges: [
      { source: 'a', target: 'b' },
      { source: 'a', target: 'b' },
    ],
  };
  const held = (...specials: TroubledCase['specials']) => mayLetGoByTime(caseOf(twice, { specials }));
  // The second edge has a sleep. The first has nothing, a wait, or a sleep, and then another node.
  const second = [1, 'sleep'] as const;
  expect(held(second)).toBe(false);
  expect(held(second, [0, 'wait'])).toBe(true);
  expect(held(second, [0, 'sleep'])).toBe(false);
  expect(held(second, [0, 'sleep'], [1, 'batch'])).toBe(true);
  expect(held([1, 'wait'])).toBe(false);
  expect(held([1, 'wait'], [2, 'batch'])).toBe(false);
  expect(held([1, 'wait'], [0, 'wait'])).toBe(true);
  expect(held([1, 'batch'], [0, 'subflow'])).toBe(false);
});

it('what is let go does not depend on time where all that a node starts at lies behind the same sleep', () => {
  const diamond = {
    nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c', joinStrategy: 'any' as const }],
    edges: [
      { source: 'a', target: 'b' },
      { source: 'b', target: 'c' },
      { source: 'b', target: 'c' },
    ],
  };
  expect(mayLetGoByTime(caseOf(diamond, { specials: [[0, 'sleep']] }))).toBe(false);
  expect(mayLetGoByTime(caseOf(diamond, { specials: [[0, 'wait']] }))).toBe(false);
});

it('what is let go depends on time where the same fallback leads from behind one wait to behind another', () => {
  const graph = {
    nodes: [
      { id: 'a', fallback: 'c' },
      { id: 'd' },
      { id: 'b', joinStrategy: 'any' as const, fallback: 'c' },
      { id: 'c' },
    ],
    edges: [
      { source: 'a', target: 'b' },
      { source: 'a', target: 'd' },
      { source: 'd', target: 'b', action: 'again' },
      { source: 'c', target: 'a', condition: 'e3' },
    ],
  };
  const specials: TroubledCase['specials'] = [
    [0, 'wait'],
    [2, 'wait'],
  ];
  expect(mayLetGoByTime(caseOf(graph, { specials }))).toBe(true);
});
