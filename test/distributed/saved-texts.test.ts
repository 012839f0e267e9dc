import { type Engine, pglite, postgres, redis } from 'orchestrator/distributed';
import {
  type CheckpointStore,
  DefaultSerializer,
  FileCheckpointStore,
  Flow,
  FlowRuntime,
  MemoryCheckpointStore,
  type Serializer,
} from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isReadable, thrown } from './hostile-errors.js';
import { describeWithPostgres, startPostgres } from './servers/postgres.js';
import { temporaryDirectory } from './servers/reaper.js';
import { describeWithRedis, startRedis } from './servers/redis.js';

interface Opened {
  readonly store: CheckpointStore;
  readonly close?: () => Promise<void>;
}

async function of(engine: Engine): Promise<Opened> {
  await engine.open();
  return { store: engine.checkpointStore, close: () => engine.close() };
}

const stores: readonly (readonly [typeof describe | typeof describeWithRedis, string, () => Promise<Opened>])[] = [
  [describe, 'in memory', async () => ({ store: new MemoryCheckpointStore() })],
  [describe, 'in files', async () => ({ store: new FileCheckpointStore(await temporaryDirectory()) })],
  [describe, 'on pglite', async () => of(pglite(await temporaryDirectory()))],
  [
    describeWithPostgres,
    'on postgres',
    async () => of(postgres(await (await startPostgres()).createDatabase('saved'))),
  ],
  [describeWithRedis, 'on redis', async () => of(redis((await startRedis()).url))],
];

const own = new DefaultSerializer();

/** Writes texts that databases refuse. */
const raw: Serializer = {
  serialize: (value) => `\0\ud83d${own.serialize(value)}`,
  deserialize: (text) => own.deserialize(text.slice(2)),
};

for (const [describeWhere, where, open] of stores) {
  describeWhere(`a run saved ${where}`, () => {
    let opened: Opened;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close?.());

    for (const [index, [what, make]] of thrown.entries()) {
      it(`ends as failed whatever is thrown, and can be resumed: ${what}`, { timeout: 60_000 }, async () => {
        const { store: checkpoint } = opened;
        const retries = isReadable(make()) ? 1 : 0;
        let executed = 0;
        let isMended = false;
        const flow = new Flow('f')
          .node('first', () => 'done')
          .node(
            'n',
            () => {
              executed++;
              if (isMended) return 'mended';
              throw make();
            },
            retries === 0 ? {} : { retry: { retries, minTimeout: 1, maxTimeout: 1 } },
          )
          .edge('first', 'n');
        const runId = `thrown ${index}`;
        const { status, errors } = await flow.run({}, { runId, checkpoint });
        expect([status, executed]).toEqual(['failed', 1 + retries]);
        expect(errors[0]?.nodeId).toBe('n');
        isMended = true;
        const { status: after, output } = await flow.resume(runId, { checkpoint });
        expect([after, output, executed]).toEqual(['completed', 'mended', 2 + retries]);
      });
    }

    it.each([
      ['by the default serializer', new FlowRuntime()],
      ['by a serializer that writes what databases refuse', new FlowRuntime({ serializer: raw })],
    ])('has its values back exactly, written %s', async (name, runtime) => {
      const { store: checkpoint } = opened;
      const given = { 'key \0\ud800': '\0', list: ['\udfff', 'line\nend\r\u2028', '😀'.slice(0, 1)] };
      const flow = new Flow('values')
        .node('a\0\ud800', (_input, { context }) => {
          Object.assign(context, { written: '\0\ud83d' });
          return '\ude00\0';
        })
        .wait('w')
        .node('last', (_input, { context }) => ({ ...context }));
      flow.edge('a\0\ud800', 'w').edge('w', 'last');
      const runId = `values ${name}`;
      await runtime.run(flow, given, { runId, checkpoint });
      const { output } = await runtime.resume(flow, runId, { checkpoint, events: { w: '\0\ud800' } });
      expect(JSON.parse(JSON.stringify(output))).toEqual({
        ...given,
        written: '\0\ud83d',
        'a\0\ud800': '\ude00\0',
        w: '\0\ud800',
      });
    });

    it.each(['run \0', 'run \ud800'])('is refused if its id is %j', async (runId) => {
      const { store: checkpoint } = opened;
      const refused = { code: 'ERR_VALIDATION', message: expect.stringContaining('runId') };
      await expect(new Flow('f').node('n', () => 1).run({}, { runId, checkpoint })).rejects.toMatchObject(refused);
    });
  });
}
