import { readFileSync } from 'node:fs';
import { type Context, Flow, MemoryCheckpointStore, type NodeArgs, type WorkflowResult } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';

/*
 * Checkpoints that earlier versions of the package have written, of runs whose program was killed, are continued with
 * this version. The files contain the content of the store, and a list of the nodes that had been executed.
 */

interface Fixture {
  readonly calls: readonly string[];
  readonly snapshot: string;
  readonly entries: readonly string[];
}

function fixture(from: string, name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`./fixtures/${from}/${name}.json`, import.meta.url), 'utf8')) as Fixture;
}

async function storeOf({ snapshot, entries }: Fixture, runId: string): Promise<MemoryCheckpointStore> {
  const checkpoint = new MemoryCheckpointStore();
  await checkpoint.save(runId, snapshot, 0);
  for (const [index, entry] of entries.entries()) await checkpoint.append(runId, index + 1, entry);
  return checkpoint;
}

type AnyFlow = Flow<Context, WorkflowResult, string>;

/** The flows in their original order of declaration. The names are in the reverse of the order by id. */
function flowsOf(version: string | undefined, calls: string[]) {
  const node =
    // biome-ignore lint/suspicious/noExplicitAny: inputs of nodes are of all kinds
    (id: string, work: (input: any, args: NodeArgs<Context>) => unknown) => (input: unknown, args: NodeArgs) => {
      calls.push(args.index === undefined ? id : `${id}[${args.index}]`);
      return work(input, args);
    };
  const plain = (order: readonly ('left' | 'right')[] = ['left', 'right']) => {
    const flow: AnyFlow = new Flow('plain', { version });
    const zulu = node('zulu', (n) => n + 1);
    const left = node('left', (n, { context }) => {
      context.seen = 'left';
      return n * 2;
    });
    const right = node('right', (n) => n * 3);
    const alpha = node('alpha', (of, { context }) => `${of.left}+${of.right} ${context.seen}`);
    flow.node('zulu', zulu, { retry: 2, timeout: 10_000 });
    for (const id of order) flow.node(id, id === 'left' ? left : right);
    return flow
      .node('alpha', alpha)
      .edge('zulu', 'right', { condition: 'output > 0', transform: (n) => n * 10 })
      .edge('zulu', 'left')
      .edge('left', 'alpha')
      .edge('right', 'alpha');
  };
  const loop = () =>
    new Flow('loop', { version })
      .node(
        'start',
        node('start', () => 0),
      )
      .node(
        'turn',
        node('turn', (_, { context }) => {
          context.turns = (context.turns ?? 0) + 1;
          return context.turns;
        }),
      )
      .node(
        'check',
        node('check', (n) => n),
      )
      .node(
        'end',
        node('end', (n, { context }) => `${n} after ${context.turns}`),
      )
      .edge('start', 'turn')
      .edge('turn', 'check')
      .edge('check', 'turn', { condition: (n) => n < 3 })
      .edge('check', 'end', { condition: 'output >= 3', transform: 'output * 100' });
  const batch = () =>
    new Flow('batch', { version })
      .node(
        'list',
        node('list', () => [1, 2, 3, 4]),
      )
      .batch(
        'each',
        node('each', (n) => n * n),
        { concurrency: 1 },
      )
      .node(
        'all',
        node('all', (list) => list.join()),
      )
      .edge('list', 'each')
      .edge('each', 'all');
  const inner = () =>
    new Flow('inner', { version })
      .node(
        'two',
        node('two', (n) => ({ ...n, two: true })),
      )
      .node(
        'one',
        node('one', (_, { context }) => ({ got: context.order })),
      )
      .node(
        'three',
        node('three', (n) => JSON.stringify(n)),
      )
      .edge('one', 'two')
      .edge('two', 'three');
  const subflow = () =>
    new Flow('subflow', { version })
      .node(
        'make',
        node('make', () => ({ order: 7 })),
      )
      .node('inner', inner())
      .node(
        'after',
        node('after', (n) => `after ${n}`),
      )
      .edge('make', 'inner')
      .edge('inner', 'after');
  const wait = () =>
    new Flow('wait', { version })
      .wait('approval', { event: 'approved' })
      .node(
        'ask',
        node('ask', () => 'asked'),
      )
      .node(
        'yes',
        node('yes', (by) => `yes by ${by}`),
      )
      .node(
        'no',
        node('no', () => 'no'),
      )
      .edge('ask', 'approval')
      .edge('approval', 'no', { condition: (by) => by === '' })
      .edge('approval', 'yes', { condition: (by) => by !== '' });
  return { plain, loop, batch, subflow, wait };
}

const ends = {
  plain: { output: '4+60 left', calls: ['alpha'] },
  loop: { output: '300 after 3', calls: ['check', 'turn', 'check', 'end'] },
  batch: { output: '1,4,9,16', calls: ['each[2]', 'each[3]', 'all'] },
  subflow: { output: 'after {"got":7,"two":true}', calls: ['three', 'after'] },
  wait: { output: 'yes by Ada', calls: ['yes'] },
} as const;

describe.each(['0.5.0', '0.6.0'])('A run that version %s has saved', (from) => {
  const all = Object.keys(ends).flatMap((name) => [undefined, '1'].map((version) => [name, version] as const));

  it.each(all)('goes on where it was: %s, in version %s', async (name, version) => {
    const saved = fixture(from, version === undefined ? name : `${name}-v${version}`);
    const checkpoint = await storeOf(saved, name);
    const calls: string[] = [];
    const flow = flowsOf(version, calls)[name as keyof typeof ends]() as Flow;
    const events = name === 'wait' ? { approved: 'Ada' } : {};
    const result = await flow.resume(name, { checkpoint, events });
    const { output, calls: expected } = ends[name as keyof typeof ends];
    expect(result).toMatchObject({ status: 'completed', output });
    expect(calls).toEqual(expected);
    // From here on, the run is saved in the format of this version.
    const again = await flow.resume(name, { checkpoint });
    expect(again).toMatchObject({ status: 'completed', output });
    expect(calls).toEqual(expected);
  });

  it('is refused if the order has changed and its author gave no version', async () => {
    const checkpoint = await storeOf(fixture(from, 'plain'), 'plain');
    const calls: string[] = [];
    const resuming = flowsOf(undefined, calls).plain(['right', 'left']).resume('plain', { checkpoint });
    await expect(resuming).rejects.toThrow(/is of version \S+ of "plain", and this is version \S+: continue it with/);
    expect(calls).toEqual([]);
  });

  it.each([
    ['another number of nodes', (flow: AnyFlow) => flow.node('more', () => 1)],
    ['another number of edges', (flow: AnyFlow) => flow.edge('ask', 'yes')],
  ])('is refused where the flow has %s under the same version', async (_, change) => {
    const checkpoint = await storeOf(fixture(from, 'wait-v1'), 'wait');
    const calls: string[] = [];
    const flow = flowsOf('1', calls).wait() as unknown as AnyFlow;
    change(flow);
    await expect(flow.resume('wait', { checkpoint, events: { approved: 'x' } })).rejects.toThrow(
      /its position has \d nodes and \d arcs, and the flow \d and \d/,
    );
    expect(calls).toEqual([]);
  });

  it('is refused where the order has changed under the same version, as far as its position contradicts that', async () => {
    const checkpoint = await storeOf(fixture(from, 'wait-v1'), 'wait');
    const calls: string[] = [];
    const other = new Flow('wait', { version: '1' })
      .node('ask', () => 'asked')
      .wait('approval', { event: 'approved' })
      .node('no', () => calls.push('no'))
      .node('yes', () => calls.push('yes'))
      .edge('ask', 'approval')
      .edge('approval', 'no')
      .edge('approval', 'yes');
    await expect(other.resume('wait', { checkpoint, events: { approved: 'x' } })).rejects.toThrow('damaged');
    expect(calls).toEqual([]);
  });
});
