import { EngineError, memory } from 'orchestrator/distributed';
import type { Commit } from 'orchestrator/distributed/engine';
import { Flow } from 'orchestrator/flow';
import { expect, it, vi } from 'vitest';
import { deferred } from '../../support.js';
import { fleetOf } from '../fleet.js';
import { eventually } from '../servers/eventually.js';

const isPoisoned = (commits: readonly Commit[]) => commits.some(({ text }) => text.includes('poison-text'));

it('a text that the engine refuses fails its own node, and no other node of the same batch', async () => {
  const engine = memory();
  const commit = engine.commit.bind(engine);
  const together: number[] = [];
  const underWay = deferred<void>();
  vi.spyOn(engine, 'commit').mockImplementation(async (runId, known, commits) => {
    // The other commits come while the first is being sent.
    if (commits.some(({ text }) => text.includes('first-text'))) await underWay.promise;
    if (isPoisoned(commits)) {
      together.push(commits.length);
      throw new EngineError('memory', 'cannot keep this', { isFinal: true });
    }
    return commit(runId, known, commits);
  });
  const others = ['b', 'poison', 'c'];
  const executed: string[] = [];
  const other = (id: string) => async () => {
    await eventually(() => expect(engine.commit).toHaveBeenCalledTimes(2));
    if (executed.push(id) === others.length) setTimeout(underWay.resolve, 50);
    return `${id}-text`;
  };
  const flow = new Flow('f')
    .node('start', () => 1)
    .node('first', () => 'first-text')
    .node('b', other('b'))
    .node('poison', other('poison'))
    .node('c', other('c'))
    .edge('start', 'first')
    .edge('start', 'b')
    .edge('start', 'poison')
    .edge('start', 'c');
  const { finish, orchestrator } = await fleetOf(flow, { engine });
  const { runId, status } = await finish();
  expect(status).toBe('failed');
  expect(executed.sort()).toEqual(others.toSorted());
  expect(Math.max(...together)).toBeGreaterThan(1);
  const ended: string[] = [];
  for await (const { type, nodeId } of orchestrator.events(runId)) {
    if (type === 'completed' || type === 'failed') ended.push(`${nodeId} ${type}`);
  }
  expect(ended.sort()).toEqual(['b completed', 'c completed', 'first completed', 'poison failed', 'start completed']);
});
