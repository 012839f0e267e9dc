import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, memory } from 'orchestrator/distributed';
import type { Commit } from 'orchestrator/distributed/engine';
import { TroubledEngine } from 'orchestrator/distributed/testing';
import { Flow, GraphBuilder, type NodeArgs } from 'orchestrator/flow';
import { describe, expect, it, vi } from 'vitest';
import { deferred } from '../support.js';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';

type Fleet = Awaited<ReturnType<typeof fleetOf>>;

/** Nodes in a row, each of which adds its id to a list in the context. */
function chain(ids: readonly string[], repeatable: readonly string[], during: Record<string, () => unknown> = {}) {
  const executed: string[] = [];
  const node = async (_: unknown, { nodeId, context }: NodeArgs) => {
    executed.push(nodeId);
    context.log = [...(context.log ?? []), nodeId];
    await during[nodeId]?.();
    return nodeId;
  };
  const flow = new GraphBuilder({ node }).build({
    id: 'chain',
    nodes: ids.map((id) => ({ id, uses: 'node', config: { repeatable: repeatable.includes(id) } })),
    edges: ids.slice(1).map((target, at) => ({ source: ids[at] as string, target })),
  });
  return { flow, executed };
}

const ten = Array.from('abcdefghij');

async function completionsOf({ orchestrator }: Fleet, runId: string): Promise<string[]> {
  const found: string[] = [];
  const events = orchestrator.events(runId, { follow: false });
  for await (const { type, nodeId = '' } of events) if (type === 'completed') found.push(nodeId);
  return found.filter((id) => id !== '');
}

/** Asserts that each node counts once, in order. */
async function expectOnce(fleet: Fleet, runId: string, ids: readonly string[]): Promise<void> {
  expect(await completionsOf(fleet, runId)).toEqual(ids);
  const { attempts, completed, steps } = await fleet.orchestrator.metrics(runId);
  expect([attempts, completed, steps.map(({ nodeId }) => nodeId)]).toEqual([ids.length, ids.length, ids]);
  const { context } = await fleet.orchestrator.result(runId);
  expect(context.log).toEqual(ids);
}

describe('the ends of nodes in a row', () => {
  it.each([
    ['are committed one by one by default', [], 10],
    ['are committed together if the nodes may be repeated', ten, 1],
    ['are committed with the end of the next node that may not be repeated', ['a', 'b', 'd', 'e', 'f', 'h', 'i'], 3],
  ] as const)('%s', async (_, repeatable, expected) => {
    const engine = memory();
    const commits = vi.spyOn(engine, 'commit');
    const { flow, executed } = chain(ten, repeatable);
    const fleet = await fleetOf(flow, { engine });
    const { runId, status, output } = await fleet.finish();
    expect([status, output, executed]).toEqual(['completed', 'j', ten]);
    expect(commits).toHaveBeenCalledTimes(expected);
    await expectOnce(fleet, runId, ten);
  });

  it('are committed after sixteen nodes at the latest', async () => {
    const engine = memory();
    const commits = vi.spyOn(engine, 'commit');
    const ids = Array.from({ length: 40 }, (_, at) => `n${at}`);
    const fleet = await fleetOf(chain(ids, ids).flow, { engine });
    const { runId } = await fleet.finish();
    expect(commits.mock.calls.map(([, , sent]) => sent.length)).toEqual([17, 17, 6]);
    await expectOnce(fleet, runId, ids);
  });

  it('are committed when the next node takes long', async () => {
    const release = deferred<void>();
    const { flow, executed } = chain(['a', 'b', 'c'], ['a', 'b'], { c: () => release.promise });
    const fleet = await fleetOf(flow);
    const runId = await fleet.orchestrator.startRun();
    await eventually(async () => expect(await completionsOf(fleet, runId)).toEqual(['a', 'b']));
    release.resolve();
    await fleet.orchestrator.waitForCompletion(runId);
    await expectOnce(fleet, runId, ['a', 'b', 'c']);
    expect(executed).toEqual(['a', 'b', 'c']);
  });

  it('are committed before several nodes begin, before a wait, and before a retry', async () => {
    let tries = 0;
    const executed: string[] = [];
    const node = (id: string) => () => void executed.push(id);
    const flow = new Flow('f')
      .node('a', node('a'), { repeatable: true })
      .node('b', node('b'), { repeatable: true })
      .node('left', node('left'), { repeatable: true })
      .node('right', node('right'), { repeatable: true })
      .node('join', node('join'), { repeatable: true })
      .wait('go')
      .node('c', node('c'), { repeatable: true })
      .node(
        'd',
        () => {
          executed.push('d');
          if (++tries < 3) throw new Error('not yet');
        },
        { retry: { retries: 3, minTimeout: 1 }, repeatable: true },
      )
      .edge('a', 'b')
      .edge('b', 'left')
      .edge('b', 'right')
      .edge('left', 'join')
      .edge('right', 'join')
      .edge('join', 'go')
      .edge('go', 'c')
      .edge('c', 'd');
    const { orchestrator } = await fleetOf(flow, { workers: 2 });
    const runId = await orchestrator.startRun();
    await eventually(async () => expect(await orchestrator.status(runId)).toBe('awaiting'));
    await orchestrator.signal(runId, 'go');
    expect((await orchestrator.waitForCompletion(runId)).status).toBe('completed');
    expect(executed.toSorted()).toEqual(['a', 'b', 'c', 'd', 'd', 'd', 'join', 'left', 'right']);
    expect((await orchestrator.metrics(runId)).retries).toBe(2);
  });
});

it('a node that may be repeated is executed again after a crash, and counts once', async () => {
  const engine = memory();
  const troubled = new TroubledEngine(engine);
  const begun = deferred<void>();
  const victim = chain(['a', 'b', 'c', 'd'], ['b'], {
    c: () => {
      begun.resolve();
      return new Promise(() => {});
    },
  });
  const soon = { lockDuration: 500, heartbeatInterval: 100 };
  await fleetOf(victim.flow, { engine: troubled.face, ...soon });
  const rescue = chain(['a', 'b', 'c', 'd'], ['b']);
  const fleet = await fleetOf(rescue.flow, { engine, workers: 0, ...soon });
  const runId = await fleet.orchestrator.startRun();
  await begun.promise;
  troubled.kill();
  await fleet.newWorker();
  expect((await fleet.orchestrator.waitForCompletion(runId)).status).toBe('completed');
  expect([victim.executed, rescue.executed]).toEqual([
    ['a', 'b', 'c'],
    ['b', 'c', 'd'],
  ]);
  await expectOnce(fleet, runId, ['a', 'b', 'c', 'd']);
});

it('a pause while the next node is executed repeats nothing', async () => {
  const release = deferred<void>();
  const begun = deferred<void>();
  const { flow, executed } = chain(['a', 'b', 'c', 'd'], ['a', 'b'], {
    c: () => {
      begun.resolve();
      return release.promise;
    },
  });
  const engine = memory();
  const verdicts = vi.spyOn(engine, 'commit');
  const fleet = await fleetOf(flow, { engine });
  const runId = await fleet.orchestrator.startRun();
  await begun.promise;
  await fleet.orchestrator.pause(runId);
  release.resolve();
  await eventually(async () => expect(await completionsOf(fleet, runId)).toEqual(['a', 'b', 'c']));
  expect(await fleet.orchestrator.status(runId)).toBe('paused');
  const refused = (await Promise.all(verdicts.mock.results.map(({ value }) => value))).flatMap((answer) =>
    answer.verdicts.filter((verdict: unknown) => verdict === 'refused'),
  );
  expect(refused).toEqual(['refused', 'refused', 'refused']);
  await fleet.orchestrator.resume(runId);
  await fleet.orchestrator.waitForCompletion(runId);
  await expectOnce(fleet, runId, ['a', 'b', 'c', 'd']);
  expect(executed).toEqual(['a', 'b', 'c', 'd']);
});

it('a cancellation while the next node is executed ends the run', async () => {
  const begun = deferred<void>();
  const { flow, executed } = chain(['a', 'b', 'c'], ['a'], {
    b: () => {
      begun.resolve();
      return sleep(20);
    },
  });
  const fleet = await fleetOf(flow);
  const runId = await fleet.orchestrator.startRun();
  await begun.promise;
  await fleet.orchestrator.cancel(runId);
  const nothing = { waiting: 0, delayed: 0, active: 0 };
  await eventually(async () => expect(await fleet.engine.queue.depth()).toEqual(nothing));
  expect([await fleet.orchestrator.status(runId), executed]).toEqual(['cancelled', ['a', 'b']]);
  expect(await completionsOf(fleet, runId)).toEqual([]);
});

it.each([
  ['the node', 'a', ['a', 'a']],
  ['the next node', 'b', ['a', 'b']],
])('a text that the engine refuses fails %s', async (_, poison, expected) => {
  const engine = memory();
  const commit = engine.commit.bind(engine);
  const isRefused = ({ text }: Commit) => text.includes(`"completed","node":"${poison}"`);
  vi.spyOn(engine, 'commit').mockImplementation(async (runId, known, commits) => {
    if (commits.some(isRefused)) throw new EngineError('memory', 'cannot keep this', { isFinal: true });
    return commit(runId, known, commits);
  });
  const { flow, executed } = chain(['a', 'b', 'c'], ['a']);
  const { orchestrator, finish } = await fleetOf(flow, { engine });
  const { runId, status } = await finish();
  const [error] = await orchestrator.errors(runId);
  expect([status, error?.nodeId]).toEqual(['failed', poison]);
  expect(executed.filter((id) => expected.includes(id) && (poison === 'a' ? id === 'a' : true))).toEqual(expected);
});
