import {
  CheckpointError,
  type Context,
  DefaultSerializer,
  Flow,
  MemoryCheckpointStore,
  type NodeArgs,
  type WorkflowResult,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { unseal } from '../../src/flow/checkpoint/seal.js';
import fc from '../properties.js';

/*
 * Checkpoints that differ from what was written. Whatever they contain, the run either continues correctly or is
 * refused. The texts have no checksums here, like those of versions up to 0.6, so only the checks of their content can
 * find the damage.
 */

const serializer = new DefaultSerializer();

interface Parsed {
  readonly snapshot: unknown;
  readonly entries: readonly unknown[];
}

type AnyFlow = Flow<Context, WorkflowResult, string>;

/** A flow whose run stops with every kind of unfinished work. */
function everything(): AnyFlow {
  const inner: AnyFlow = new Flow('inner', { version: '1' });
  inner
    .node('one', () => 'one')
    .wait('ask')
    .edge('one', 'ask');
  const flow: AnyFlow = new Flow('everything', { version: '1' });
  return flow
    .node('start', () => 1)
    .node('turn', (_: unknown, { context }: NodeArgs) => {
      context.turns = (context.turns ?? 0) + 1;
      return context.turns;
    })
    .node('leave', (n: unknown) => n)
    .node('risky', () => Promise.reject(new Error('no')), { fallback: 'saved' })
    .node('saved', () => 'saved')
    .node('sub', inner)
    .batch('each', inner, { items: 'context.list' })
    .wait('last')
    .node('end', (input: unknown) => JSON.stringify(input))
    .edge('start', 'turn')
    .edge('turn', 'leave', { condition: (n) => n >= 2, transform: (n) => n * 10 })
    .edge('turn', 'turn', { condition: (n) => n < 2 })
    .edge('leave', 'risky')
    .edge('risky', 'sub')
    .edge('start', 'each')
    .edge('sub', 'last')
    .edge('each', 'last')
    .edge('last', 'end');
}

const context = { list: [{ a: 1 }, { a: 2 }] };

async function saved(flow: AnyFlow): Promise<Parsed> {
  const checkpoint = new MemoryCheckpointStore();
  await flow.run(context, { runId: 'r', checkpoint });
  const { snapshot, entries } = unseal('r', (await checkpoint.load('r')) as never);
  return { snapshot: serializer.deserialize(snapshot), entries: entries.map((text) => serializer.deserialize(text)) };
}

async function resumed(flow: AnyFlow, { snapshot, entries }: Parsed): Promise<unknown> {
  const checkpoint = new MemoryCheckpointStore();
  await checkpoint.save('r', serializer.serialize(snapshot), 0);
  for (const [index, entry] of entries.entries()) await checkpoint.append('r', index + 1, serializer.serialize(entry));
  try {
    const waiting = await flow.resume('r', { checkpoint, events: { ask: 'asked' } });
    return pictureOf(
      waiting.status === 'awaiting' ? await flow.resume(waiting, { events: { last: 'over' } }) : waiting,
    );
  } catch (error) {
    return error;
  }
}

function pictureOf({ status, output, completed, skipped, errors }: WorkflowResult) {
  return { status, output, completed: completed.toSorted(), skipped, errors: errors.map(({ cause }) => String(cause)) };
}

/** Fields that hold data of the user, which may be anything. */
const ofUsers = new Set([
  'context',
  'input',
  'output',
  'changed',
  'cause',
  'removed',
  'action',
  'hash',
  'set',
  'values',
]);

/** All places in a structure, each as an object and a key of this object. */
function placesIn(value: unknown, found: [holder: object, key: string | number][] = []): typeof found {
  if (value instanceof Map) for (const inner of value.values()) placesIn(inner, found);
  if (typeof value !== 'object' || value === null || value instanceof Map) return found;
  for (const key of Object.keys(value)) {
    if (ofUsers.has(key)) continue;
    found.push([value, Array.isArray(value) ? Number(key) : key]);
    placesIn((value as Record<string, unknown>)[key], found);
  }
  return found;
}

function placesOf({ snapshot, entries }: Parsed): ReturnType<typeof placesIn> {
  return [snapshot, ...entries].flatMap((root) => placesIn(root));
}

const junk: readonly unknown[] = [
  ...[null, undefined, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40, true, '', 'nobody', '["x"]', '9999'],
  ...[[], {}, [[]], [null], [[null, null]], new Map([[-1, 1]]), new Date(0), new Error('junk'), 10n],
];

describe('A checkpoint whose content is not what was written', () => {
  it('continues as without an interruption if it is whole, from each of its entries', async () => {
    const flow = everything();
    const whole = await saved(flow);
    const expected = await resumed(flow, whole);
    expect(expected).toMatchObject({ status: 'completed', errors: ['Error: no'] });
    for (let count = 0; count < whole.entries.length; count++) {
      const cut = { ...whole, entries: whole.entries.slice(0, count) };
      const again = await resumed(flow, cut);
      // An event that no node waits for yet is refused.
      if (!(again instanceof Error)) expect(again).toMatchObject({ status: 'completed' });
      else expect(again).toMatchObject({ name: 'ValidationError' });
    }
  });

  it('is refused or continues correctly, whichever place has another value', async () => {
    const flow = everything();
    const original = await saved(flow);
    const expected = await resumed(flow, original);
    const count = placesOf(original).length;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(count - 1), fc.nat(junk.length), async (place, replacement) => {
        const parsed = structuredCloneOf(original);
        const [holder, key] = placesOf(parsed)[place] as [object, string | number];
        if (replacement === junk.length) remove(holder, key);
        else (holder as Record<string | number, unknown>)[key] = junk[replacement];
        const outcome = await resumed(flow, parsed);
        if (outcome instanceof CheckpointError) {
          refused++;
          expect(outcome.message).toMatch(/^run ".*" .*(: |;)/);
        } else if (outcome instanceof Error) expect(outcome).toMatchObject({ name: 'ValidationError' });
        else if (!couldBe(holder, key, parsed)) expect([place, key, outcome]).toEqual([place, key, expected]);
      }),
      { numRuns: 800 },
    );
    expect(refused).toBeGreaterThan(400);
  }, 600_000);

  it.each([7, [], { turns: 1 }, { turns: 'x' }, { turns: '' }])('is refused where an entry has set %j', async (set) => {
    const flow = everything();
    const { snapshot, entries } = await saved(flow);
    const damaged = entries.map((entry) => ('set' in (entry as object) ? { ...(entry as object), set } : entry));
    expect(await resumed(flow, { snapshot, entries: damaged })).toBeInstanceOf(CheckpointError);
  });

  it.each([7, {}, [7], [['list']], [['list', 7]], [['list', 'x']]])(
    'is refused where its values are %j',
    async (values) => {
      const flow = everything();
      const { snapshot, entries } = await saved(flow);
      const damaged = { ...(snapshot as object), values };
      expect(await resumed(flow, { snapshot: damaged, entries })).toBeInstanceOf(CheckpointError);
    },
  );

  it('is refused if sub-flows contain themselves', async () => {
    const flow = everything();
    const parsed = structuredCloneOf(await saved(flow)) as { snapshot: Record<string, unknown>; entries: unknown[] };
    parsed.snapshot.children = [['["sub"]', { run: parsed.snapshot, entries: [] }]];
    expect(await resumed(flow, { ...parsed, entries: [] })).toBeInstanceOf(CheckpointError);
    const itself: AnyFlow = new Flow('itself', { version: '1' });
    itself.node('itself', itself).wait('w').edge('itself', 'w');
    const checkpoint = new MemoryCheckpointStore();
    const controller = new AbortController();
    controller.abort();
    await itself.run({}, { runId: 'r', checkpoint, signal: controller.signal });
    const { snapshot } = unseal('r', (await checkpoint.load('r')) as never);
    const run = serializer.deserialize(snapshot) as Record<string, unknown>;
    run.children = [['["itself"]', { run, entries: [] }]];
    expect(await resumed(itself, { snapshot: run, entries: [] })).toMatchObject({
      name: 'CheckpointError',
      message: expect.stringContaining('its sub-flows are nested more than 100 deep'),
    });
  });

  it('names the run, the entry by its number, and what to do', async () => {
    const flow = everything();
    const { snapshot, entries } = await saved(flow);
    const damaged = [...entries.slice(0, 2), { happening: { type: 'completed', nodeId: 'turn', passed: 7 } }];
    expect(await resumed(flow, { snapshot, entries: damaged })).toMatchObject({
      message: expect.stringMatching(/^run "r" .*entry 3 \(completed\) is malformed; restore it/),
    });
  });
});

describe('A run with a sub-flow under way', () => {
  const outer = (inner: AnyFlow, calls: string[] = []): AnyFlow => {
    const flow: AnyFlow = new Flow('outer', { version: '1' });
    flow.node('sub', inner, { fallback: 'instead' }).node('instead', () => calls.push('instead'));
    return flow.batch('each', inner, { items: 'context.list' }).edge('sub', 'each');
  };
  const inner = (...more: string[]): AnyFlow => {
    const flow: AnyFlow = new Flow('inner', { version: '1' });
    flow.wait('ask');
    for (const id of more) flow.node(id, () => id).edge('ask', id);
    return flow;
  };

  it('is refused before anything is executed where the graph of the sub-flow has changed', async () => {
    const checkpoint = new MemoryCheckpointStore();
    await outer(inner('a')).run({ list: [{}, {}] }, { runId: 'r', checkpoint });
    const calls: string[] = [];
    const changed = outer(inner('a', 'b'), calls);
    await expect(changed.resume('r', { checkpoint, events: { ask: 1 } })).rejects.toThrow(
      'run "r/sub/1" began with another graph of "inner" under the same version 1 (node added: "b"; edge added: "ask" → "b")',
    );
    expect(calls).toEqual([]);
    // Also in the batch that follows.
    await outer(inner('a')).resume('r', { checkpoint, events: { ask: 1 } });
    await expect(changed.resume('r', { checkpoint, events: { ask: 1 } })).rejects.toThrow('run "r/each/0/1" began');
    expect(await outer(inner('a')).resume('r', { checkpoint, events: { ask: 1 } })).toMatchObject({
      status: 'completed',
    });
  });

  it('is refused if a node is no longer a flow, and continues if an ended sub-flow has changed', async () => {
    const checkpoint = new MemoryCheckpointStore();
    await outer(inner('a')).run({ list: [{}] }, { runId: 'r', checkpoint });
    const flat: AnyFlow = new Flow('outer', { version: '1' });
    flat.load(outer(inner('a')).toBlueprint(), { ...outer(inner('a')).registry });
    const other: AnyFlow = new Flow('order', { version: '1' });
    other.node('sub', () => 1);
    await expect(other.resume('r', { checkpoint })).rejects.toBeInstanceOf(CheckpointError);
    await outer(inner('a')).resume('r', { checkpoint, events: { ask: 1 } });
    const result = await outer(inner('a')).resume('r', { checkpoint, events: { ask: 1 } });
    expect(result).toMatchObject({ status: 'completed' });
    expect(await outer(inner('a', 'b')).resume('r', { checkpoint })).toMatchObject({ status: 'completed' });
  });
});

/** A deep copy, including errors. */
function structuredCloneOf<Value>(value: Value): Value {
  return serializer.deserialize(serializer.serialize(value)) as Value;
}

/** Changes that another run of the flow could have written: no edge was taken, or no fallback replaced a node. */
function couldBe(holder: object, key: string | number, parsed: Parsed): boolean {
  const isTargets = placesOf(parsed).some(([of, field]) => field === 'targets' && (of as Context).targets === holder);
  return isTargets || key === 'targets' || (key === 'recoveredBy' && (holder as Context).recoveredBy === undefined);
}

function remove(holder: object, key: string | number): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete (holder as Record<string, unknown>)[key];
}
