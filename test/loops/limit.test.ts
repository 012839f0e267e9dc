import { limit, Orchestrator } from 'orchestrator';
import { done, Loop, type LoopDefinition } from 'orchestrator/loops';
import { expect, it } from 'vitest';
import { settled } from '../support.js';
import { workflow } from './support.js';

/** A node that counts how many of its calls run at once. */
function counted() {
  const counts = { running: 0, most: 0, calls: 0 };
  const node = async () => {
    counts.calls++;
    counts.most = Math.max(counts.most, ++counts.running);
    await settled();
    counts.running--;
  };
  return { counts, node };
}

function upTo(last: number) {
  let count = 0;
  return () => (count === last ? done : ++count);
}

async function finish(...loops: (Loop | LoopDefinition)[]) {
  const orchestrator = workflow({ loops } as never, { registry });
  await orchestrator.start();
  await orchestrator.ended();
}

const shared = limit({ concurrency: 1 });
const named = counted();
const registry = { produce: upTo(5), node: named.node, github: shared };

it('a node of a loop takes a limit, of its own or shared with nodes of other loops', async () => {
  const own = counted();
  const both = counted();
  const loops = ['a', 'b'].map((id) =>
    new Loop(id)
      .producer('p', upTo(6))
      .nonBlocking('own', own.node, { limit: { concurrency: 2 } })
      .nonBlocking('both', both.node, { limit: shared }),
  );
  await finish(...loops);
  expect(own.counts).toMatchObject({ calls: 12 });
  expect(own.counts.most).toBeLessThanOrEqual(4);
  expect(both.counts).toEqual({ running: 0, most: 1, calls: 12 });
});

it('a node that is data names a limit of the registry', async () => {
  await finish({
    id: 'data',
    nodes: [
      { id: 'p', kind: 'producer', uses: 'produce' },
      { id: 'n', kind: 'non-blocking', uses: 'node', limit: 'github' },
    ],
  });
  expect(named.counts).toEqual({ running: 0, most: 1, calls: 5 });
});

it('a node without a limit has that of its orchestrator, and null switches it off', async () => {
  const limited = counted();
  const free = counted();
  const loop = new Loop('l', { orchestrator: new Orchestrator({ limit: { concurrency: 1 } }) })
    .producer('p', upTo(4), { limit: null })
    .nonBlocking('limited', limited.node)
    .nonBlocking('free', free.node, { limit: null });
  await finish(loop);
  expect(limited.counts).toEqual({ running: 0, most: 1, calls: 4 });
  expect(free.counts.most).toBeGreaterThan(1);
});

it.each([
  [{ limit: 'gitlab' }, 'loop "l": node "n" has the limit "gitlab", which is not a limit() in the registry'],
  [{ limit: 3 }, 'limit must be options of a limit, or a limit(), got 3'],
  [{ limit: { rate: -1 } }, 'limit.rate must be a whole number of at least 1, or Infinity, got -1'],
])('%o is refused', (settings, message) => {
  const make = () => workflow({ loops: [new Loop('l').producer('n', upTo(1), settings as never)] });
  expect(make).toThrow(message);
});

it('does not share the calls of an action, also of another orchestrator', async () => {
  let calls = 0;
  const count = new Orchestrator().action('count', (_value: number) => ++calls, {
    share: { ttl: 60_000, key: () => 1 },
  });
  await finish(new Loop('a').producer('p', upTo(6)).nonBlocking('count', count).edge('p', 'count'));
  expect(calls).toBe(6);
});
