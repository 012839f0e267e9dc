import {
  type CheckpointStore,
  type Context,
  FileCheckpointStore,
  Flow,
  LockedError,
  MemoryCheckpointStore,
} from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeDirectory, temporaryDirectory } from '../../distributed/servers/reaper.js';
import { deferred, rejection } from '../../support.js';
import { startHolder } from './holder.js';

let directory: string;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => removeDirectory(directory));

let runs = 0;
const newId = () => `run-${++runs}`;

async function isFree(store: CheckpointStore, runId: string): Promise<boolean> {
  const claim = await store.claim(runId).catch(() => undefined);
  await claim?.release();
  return claim !== undefined;
}

/** A flow whose only node waits until it is told to end. */
function gated() {
  const gate = deferred<void>();
  const begun = deferred<void>();
  let calls = 0;
  const flow = new Flow('gated').node('a', async () => {
    calls++;
    begun.resolve();
    await gate.promise;
    return 'done';
  });
  return { flow, open: gate.resolve, begun: begun.promise, calls: () => calls };
}

const memory = new MemoryCheckpointStore();

describe.each<[string, () => CheckpointStore]>([
  ['memory', () => memory],
  ['files', () => new FileCheckpointStore(directory)],
])('a run that is saved in %s', (_kind, make) => {
  it('is carried out once, however many resume it at the same time', async () => {
    const runId = newId();
    const { flow, open, begun, calls } = gated();
    const abort = new AbortController();
    abort.abort(new Error('not now'));
    await flow.run({}, { runId, checkpoint: make(), signal: abort.signal });
    expect(calls()).toBe(0);
    const resumes = Array.from({ length: 5 }, () => flow.resume(runId, { checkpoint: make() }));
    const settled = Promise.allSettled(resumes);
    await begun;
    const error = await rejection(flow.run({}, { runId, checkpoint: make() }));
    expect(error).toBeInstanceOf(LockedError);
    expect(error).toMatchObject({ runId, holder: expect.stringContaining(`process ${process.pid}`) });
    open();
    const results = await settled;
    expect(results.filter(({ status }) => status === 'fulfilled')).toMatchObject([{ value: { status: 'completed' } }]);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(LockedError);
    expect(calls()).toBe(1);
  });

  it('is begun once, however many begin it at the same time under one id', async () => {
    const runId = newId();
    const { flow, open, begun, calls } = gated();
    const settled = Promise.allSettled(Array.from({ length: 5 }, () => flow.run({}, { runId, checkpoint: make() })));
    await begun;
    open();
    const results = await settled;
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(calls()).toBe(1);
    expect(await rejection(flow.run({}, { runId, checkpoint: make() }))).toMatchObject({
      message: expect.stringContaining('is already in the checkpoint store'),
    });
    expect(await isFree(make(), runId)).toBe(true);
  });

  it('is given back however it ends', async () => {
    const waiting = new Flow('f', { version: '1' }).wait('w');
    const other = new Flow('f', { version: '2' }).wait('w');
    const failing = new Flow('failing').node('a', () => Promise.reject(new Error('no')));
    const hooked = new Flow('hooked').node('a', () => () => 'cannot be saved');
    const aborted = AbortSignal.abort(new Error('before anything ran'));
    const runId = newId();
    const free = async (id: string) => expect(await isFree(make(), id), id).toBe(true);

    expect((await waiting.run({}, { runId, checkpoint: make() })).status).toBe('awaiting');
    await free(runId);
    await rejection(waiting.run({}, { runId, checkpoint: make() }));
    await free(runId);
    await rejection(other.resume(runId, { checkpoint: make() }));
    await free(runId);
    await rejection(waiting.resume(runId, { checkpoint: make(), events: { unknown: 1 } }));
    await free(runId);
    expect((await waiting.resume(runId, { checkpoint: make(), signal: aborted })).status).toBe('cancelled');
    await free(runId);
    expect((await waiting.resume(runId, { checkpoint: make(), events: { w: 1 } })).status).toBe('completed');
    await free(runId);
    for (const flow of [failing, hooked]) {
      const id = newId();
      expect((await flow.run({}, { runId: id, checkpoint: make() })).status).toBe('failed');
      await free(id);
    }
    const unknown = newId();
    await rejection(waiting.resume(unknown, { checkpoint: make() }));
    await free(unknown);
    const unfit = newId();
    await rejection(waiting.run({ client: () => {} } as Context, { runId: unfit, checkpoint: make() }));
    await free(unfit);
  });

  it('goes on from what the store has, also where an older result is resumed', async () => {
    const runId = newId();
    const calls: string[] = [];
    const flow = new Flow('f')
      .wait('w')
      .node('a', () => void calls.push('a'))
      .wait('x')
      .edge('w', 'a')
      .edge('a', 'x');
    const first = await flow.run({}, { runId, checkpoint: make() });
    expect(await flow.resume(first, { checkpoint: make(), events: { w: 1 } })).toMatchObject({ status: 'awaiting' });
    expect(await flow.resume(first, { checkpoint: make(), events: { x: 2 } })).toMatchObject({ status: 'completed' });
    expect(calls).toEqual(['a']);
    await make().delete(runId);
    expect(await flow.resume(first, { checkpoint: make() })).toMatchObject({ status: 'awaiting' });
    expect((await make().load(runId))?.seq).toBe(0);
    expect(await rejection(flow.resume({} as never, { checkpoint: make() }))).toMatchObject({
      name: 'ValidationError',
    });
  });
});

describe('a run that another program has', () => {
  it('is refused with who has it, and goes on once that program is dead', async () => {
    const runId = newId();
    const checkpoint = new FileCheckpointStore(directory);
    const flow = new Flow('f').wait('w');
    await flow.run({}, { runId, checkpoint });
    const holder = await startHolder(directory, runId);
    const error = await rejection(flow.resume(runId, { checkpoint, events: { w: 1 } }));
    expect(error).toBeInstanceOf(LockedError);
    expect(error).toMatchObject({
      holder: 'the holder',
      message: expect.stringContaining('is held by the holder since'),
    });
    await holder.kill();
    expect((await flow.resume(runId, { checkpoint, events: { w: 1 } })).status).toBe('completed');
  });
});
