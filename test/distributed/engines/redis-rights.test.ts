import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aCommit, aRun } from '../../../src/distributed/testing/suite.js';
import { rejection } from '../../support.js';
import { patient } from '../faults/fixtures/engines.js';
import { fleetOf } from '../fleet.js';
import { describeWithRedis, type RedisServer, startRedis } from '../servers/redis.js';

describeWithRedis('a right that is taken away for a while', () => {
  let server: RedisServer;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedis({ users: ['app on >secret ~* &* +@all'] });
    admin = new Redis(server.url);
  });

  afterAll(() => admin.disconnect());

  /** Asks for something without the right to a command, and again with the right. @returns the error and the answer */
  async function without<Answer>(command: string, ask: () => Promise<Answer>) {
    await admin.call('ACL', 'SETUSER', 'app', `-${command}`);
    const error = await rejection(ask());
    await admin.call('ACL', 'SETUSER', 'app', `+${command}`);
    return { error, answer: await ask() };
  }

  const refused = (command: string) => ({
    reason: 'rights',
    message: expect.stringContaining(`no right to ${command}`),
  });
  const open = () => redis(`redis://app:secret@127.0.0.1:${server.port}`, patient);

  it.each(['HSET', 'SET', 'UNLINK'])('leaves no part of a run that is begun: %s', async (command) => {
    await using engine = open();
    const run = aRun();
    const { error, answer } = await without(command, () => engine.begin(run));
    expect(error).toMatchObject(refused(command));
    expect(answer.existed).toBe(false);
    expect((await engine.checkpointStore.read(run.record.runId))?.snapshot?.text).toBe('the beginning');
  });

  it.each(['RPUSH', 'HSET', 'HDEL', 'UNLINK', 'PUBLISH'])('leaves no part of a commit: %s', async (command) => {
    await using engine = open();
    const run = aRun();
    const { runId } = run.record;
    await engine.begin(run);
    const commit = aCommit({ text: 'end', slot: 'a', number: 1, becomes: { status: 'completed', output: '1' } });
    const { error, answer } = await without(command, async () => engine.commit(runId, 0, [commit]));
    expect(error).toMatchObject(refused(command));
    expect(answer).toMatchObject({ verdicts: [1], status: 'completed' });
    expect((await engine.checkpointStore.read(runId))?.entries.map(({ text }) => text)).toEqual(['end']);
  });

  it('fails each of the commits that were sent together, and leaves no part of any', async () => {
    await using engine = open();
    const runs = Array.from({ length: 20 }, () => aRun());
    for (const run of runs) await engine.begin(run);
    const commits = () =>
      Promise.allSettled(
        runs.map(({ record }) => engine.commit(record.runId, 0, [aCommit({ text: 'end', slot: 'a', number: 1 })])),
      );
    const { answer, error } = await without('RPUSH', async () => {
      const settled = await commits();
      if (settled.some(({ status }) => status === 'rejected')) {
        expect(settled.map((one) => Object(Object(one).reason).reason)).toEqual(runs.map(() => 'rights'));
        throw (settled[0] as PromiseRejectedResult).reason;
      }
      return settled;
    });
    expect(error).toMatchObject(refused('RPUSH'));
    expect(answer).toHaveLength(20);
    for (const { record } of runs) {
      expect((await engine.checkpointStore.read(record.runId))?.entries.map(({ text }) => text)).toEqual(['end']);
    }
  });

  it.each(['SET', 'LTRIM', 'HSET'])('leaves no part of a compaction: %s', async (command) => {
    await using engine = open();
    const run = aRun();
    const { runId } = run.record;
    await engine.begin(run);
    await engine.commit(runId, 0, [aCommit({ text: 'one' }), aCommit({ text: 'two' })]);
    const { error } = await without(command, () => engine.checkpointStore.compact(runId, 'later', 1));
    expect(error).toMatchObject(refused(command));
    const { snapshot, entries } = (await engine.checkpointStore.read(runId)) ?? {};
    expect([snapshot, entries?.map(({ text }) => text)]).toEqual([{ text: 'later', seq: 1 }, ['two']]);
  });

  it.each(['XADD', 'LPUSH', 'ZADD'])('costs no run its job, of which the queue kept a part: %s', async (command) => {
    await using engine = open();
    const flow = new Flow(`without-${command}`)
      .node('a', () => 1)
      .wait('w')
      .node('b', () => 2)
      .edge('a', 'w')
      .edge('w', 'b');
    const { orchestrator } = await fleetOf(flow, { engine, maintenanceInterval: 500, lockDuration: 2_000 });
    await admin.call('ACL', 'SETUSER', 'app', `-${command}`);
    const runIds = Array.from({ length: 5 }, (_, number) => `${command}-${number}`);
    const starts = Promise.allSettled(runIds.map((runId) => orchestrator.startRun({}, 0, { runId })));
    await sleep(2_000);
    await admin.call('ACL', 'SETUSER', 'app', `+${command}`);
    await starts;
    for (const runId of runIds) {
      await orchestrator.startRun({}, 0, { runId });
      await orchestrator.signal(runId, 'w', 'now');
      const { status } = await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) });
      expect(status).toBe('completed');
    }
  });

  it.each(['LTRIM', 'SET', 'HSET'])('leaves no part of a saved snapshot: %s', async (command) => {
    await using engine = open();
    const { checkpointStore: store } = engine;
    await store.save('saved', 'first', 0);
    await store.append('saved', 1, 'one');
    const { error } = await without(command, () => store.save('saved', 'second', 1));
    expect(error).toMatchObject(refused(command));
    expect(await store.load('saved')).toMatchObject({ snapshot: 'second', seq: 1, entries: [] });
    await store.delete('saved');
  });
});
