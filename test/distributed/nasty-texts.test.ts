import { type Engine, memory, pglite, postgres, redis } from 'orchestrator/distributed';
import { DefaultSerializer, Flow, FlowRuntime, type Serializer } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isClean } from '../../src/shared/text.js';
import { fleetOf } from './fleet.js';
import { isReadable, thrown } from './hostile-errors.js';
import { describeWithPostgres, startPostgres } from './servers/postgres.js';
import { temporaryDirectory } from './servers/reaper.js';
import { describeWithRedis, startRedis } from './servers/redis.js';

/** Values with unusual content, which must come back unchanged. */
const hostile = {
  'key \0 \ud83d': 'value \0 \ude00 😀',
  list: ['\0', '\ud800', new Map([['\0\udfff', new Set(['\ud800'])]])],
};

/** Serializes as JSON and leaves texts as they are, including those that databases refuse. */
const raw: Serializer = {
  serialize: (value) => (typeof value === 'string' ? `=${value}` : JSON.stringify(value ?? null)),
  deserialize: (text) => (text.startsWith('=') ? text.slice(1) : JSON.parse(text)),
};

const engines: readonly (readonly [typeof describe | typeof describeWithRedis, string, () => Promise<Engine>])[] = [
  [describe, 'memory()', async () => memory()],
  [describe, 'pglite(directory)', async () => pglite(await temporaryDirectory())],
  [describeWithPostgres, 'postgres(url)', async () => postgres(await (await startPostgres()).createDatabase('nasty'))],
  [describeWithRedis, 'redis(url)', async () => redis((await startRedis()).url)],
];

for (const [describeWhere, name, create] of engines) {
  describeWhere(`texts that databases refuse, on ${name}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await create();
      await engine.open();
    });
    afterAll(() => engine?.close());

    for (const [index, [what, make, message]] of thrown.entries()) {
      it(`are no reason to execute a node once more than its policy says: ${what}`, { timeout: 120_000 }, async () => {
        let executed = 0;
        // Values that are not errors of this realm, or cannot be read, are not retried.
        const tries = isReadable(make()) ? 2 : 1;
        const workflow = `throws ${index}`;
        const flow = new Flow(workflow).node(
          'n',
          () => {
            executed++;
            throw make();
          },
          tries === 1 ? {} : { retry: { retries: 1, minTimeout: 1, maxTimeout: 1 } },
        );
        const { finish, orchestrator } = await fleetOf(flow, { engine });
        const run = await finish();
        expect([run.status, executed]).toEqual(['failed', tries]);
        expect(run.error).toMatch(/^node "n" failed/);
        expect(run.error).toMatch(message);
        expect(isClean(run.error ?? '')).toBe(true);
        const errors = await orchestrator.errors(run.runId);
        expect(errors.map(({ isFinal }) => isFinal)).toEqual(tries === 1 ? [true] : [false, true]);
        expect((await orchestrator.listRuns({ workflow })).runs.map(({ error }) => error)).toEqual([run.error]);
      });
    }

    it('are kept in values, keys, actions and messages as they are', async () => {
      const flow = new Flow('values')
        .node('a\0\ud800', (_input, { context }) => {
          Object.assign(context, { 'written \0': '\ud800' });
          return hostile;
        })
        .node('b', () => {
          throw new Error('exactly \0 this \ud83d');
        });
      flow.edge('a\0\ud800', 'b');
      const { finish, orchestrator } = await fleetOf(flow, { engine });
      const run = await finish({ 'given \ud800': '\0' }, ['\0', '\udfff']);
      expect(run.status).toBe('failed');
      expect(await orchestrator.context(run.runId)).toEqual({
        'given \ud800': '\0',
        'written \0': '\ud800',
        'a\0\ud800': hostile,
      });
      expect(await orchestrator.input(run.runId)).toEqual(['\0', '\udfff']);
      const [error] = await orchestrator.errors(run.runId);
      expect(error?.error.message).toBe('exactly \0 this \ud83d');
    });

    it.each([
      ['the default serializer', new DefaultSerializer()],
      ['a serializer that writes texts as they are', raw],
    ])('are given back as outputs by %s', async (workflow, serializer) => {
      const output = 'output \0 \ud83d \ude00 😀';
      const flow = new Flow(workflow).node('only', (input) => `${input}${output}`);
      const { finish, orchestrator } = await fleetOf(flow, { engine, runtime: new FlowRuntime({ serializer }) });
      const run = await finish({}, '\udfff');
      expect([run.status, run.output]).toEqual(['completed', `\udfff${output}`]);
      const { runs } = await orchestrator.listRuns({ workflow });
      expect(runs.map((one) => one.output)).toEqual([run.output]);
    });

    it('are refused where they are names', async () => {
      const { orchestrator } = await fleetOf(new Flow('names').wait('w', { event: 'e\0\ud800' }), { engine });
      for (const name of ['run \0', 'run \ud800']) {
        const refused = { code: 'ERR_VALIDATION' };
        await expect(orchestrator.startRun({}, undefined, { runId: name })).rejects.toMatchObject(refused);
        await expect(orchestrator.status(name)).rejects.toMatchObject(refused);
        await expect(orchestrator.listRuns({ text: name })).rejects.toMatchObject(refused);
        await expect(
          fleetOf(
            new Flow(name).node('n', () => 1),
            { engine },
          ),
        ).rejects.toMatchObject(refused);
        const version = new Flow('versions', { version: name }).node('n', () => 1);
        await expect(fleetOf(version, { engine })).rejects.toMatchObject(refused);
      }
      const cursor = Buffer.from(JSON.stringify([5, 'run \0'])).toString('base64url');
      await expect(orchestrator.listRuns({ cursor })).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
    });

    it('name events that can be signalled', async () => {
      const event = 'e\0\ud800';
      const { orchestrator } = await fleetOf(new Flow('events').wait('w', { event }), { engine });
      const runId = await orchestrator.startRun();
      await orchestrator.signal(runId, event, 'payload \0 \ud800');
      const run = await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) });
      expect([run.status, run.output]).toEqual(['completed', 'payload \0 \ud800']);
    });
  });
}
