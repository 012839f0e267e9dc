import type { RunEvent } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, rejection } from '../support.js';
import { fleetOf } from './fleet.js';

const flow = new Flow('f')
  .node('a', () => 1)
  .node('b', (_, { attempt }) => (attempt === 1 ? Promise.reject(new RangeError('b')) : 2), {
    retry: { retries: 1, minTimeout: 20 },
  })
  .wait('go')
  .edge('a', 'b')
  .edge('b', 'go');

async function all(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const list: RunEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

describe('events of a run', () => {
  it('come in order as they happen, and end with the run', async () => {
    const { orchestrator, worker } = await fleetOf(flow);
    const runId = await orchestrator.startRun();
    const seen: RunEvent[] = [];
    for await (const event of orchestrator.events(runId)) {
      seen.push(event);
      if (event.type === 'awaiting') await orchestrator.signal(runId, 'go', 'payload');
    }
    const nodes = seen.filter(({ nodeId }) => nodeId !== undefined);
    expect(nodes.map(({ type, nodeId, attempt }) => [type, nodeId, attempt])).toEqual([
      ['completed', 'a', 1],
      ['retrying', 'b', 1],
      ['completed', 'b', 2],
      ['awaiting', 'go', 1],
      ['completed', 'go', 1],
    ]);
    expect(nodes[0]).toMatchObject({ output: 1, visit: 1, workerId: worker.id, seq: 1 });
    expect(nodes[1]).toMatchObject({ error: { name: 'RangeError', message: 'b' }, delay: 20 });
    expect(nodes[3]).toMatchObject({ event: 'go' });
    expect(nodes[4]).toMatchObject({ output: 'payload' });
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map(({ seq }) => seq).toSorted((one, two) => one - two));
    expect(seen).toContainEqual(expect.objectContaining({ type: 'signal', event: 'go' }));
  });

  it('can be read again, from the start or after an event', async () => {
    const { orchestrator, finish } = await fleetOf(
      new Flow('f')
        .node('a', () => 1)
        .node('b', () => 2)
        .edge('a', 'b'),
    );
    const { runId } = await finish();
    const events = await all(orchestrator.events(runId));
    expect(events.map(({ nodeId }) => nodeId)).toEqual(['a', 'b']);
    expect(await all(orchestrator.events(runId, { after: events[0]?.seq }))).toEqual(events.slice(1));
    expect(await all(orchestrator.events(runId, { after: 1_000 }))).toEqual([]);
  });

  it('end with the events so far, if an active run is not to be followed', async () => {
    const { orchestrator } = await fleetOf(flow);
    const runId = await orchestrator.startRun();
    for await (const { type } of orchestrator.events(runId)) if (type === 'awaiting') break;
    const events = await all(orchestrator.events(runId, { follow: false }));
    expect(events.at(-1)).toMatchObject({ type: 'concluded', status: 'awaiting' });
    expect(await all(orchestrator.events(runId, { follow: false, after: events.at(-1)?.seq }))).toEqual([]);
    expect(await orchestrator.status(runId)).toBe('awaiting');
  });

  it('report operations on a run', async () => {
    const gate = deferred();
    const { orchestrator } = await fleetOf(new Flow('f').node('a', () => gate.promise));
    const runId = await orchestrator.startRun();
    await orchestrator.pause(runId);
    await orchestrator.resume(runId);
    await orchestrator.cancel(runId, 'enough');
    await orchestrator.retry(runId);
    gate.resolve();
    await orchestrator.waitForCompletion(runId);
    const types = (await all(orchestrator.events(runId))).map(({ type }) => type);
    expect(types).toEqual(['paused', 'resumed', 'cancelled', 'retried', 'completed']);
  });

  it('end with their signal, or when the reader stops', async () => {
    const { orchestrator } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun();
    const stop = new AbortController();
    const types: string[] = [];
    for await (const { type } of orchestrator.events(runId, { signal: stop.signal })) {
      types.push(type);
      stop.abort();
    }
    expect(types).toEqual(['awaiting', 'concluded']);
    for await (const _ of orchestrator.events(runId)) break;
    expect(await all(orchestrator.events(runId, { signal: AbortSignal.abort() }))).toEqual([]);
    expect(await rejection(orchestrator.events(runId, { after: -1 }).next())).toMatchObject({
      name: 'ValidationError',
    });
  });
});
