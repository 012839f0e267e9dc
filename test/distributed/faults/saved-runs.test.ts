import { setTimeout as sleep } from 'node:timers/promises';
import { postgres } from 'orchestrator/distributed';
import { type Context, Flow, type NodeArgs, withAction } from 'orchestrator/flow';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { describeWithPostgres, type PostgresServer, startPostgres } from '../servers/postgres.js';
import { startProxy } from '../servers/proxy.js';
import { openEngine } from './fixtures/engines.js';
import { describeEngines, type EngineServer } from './site.js';

/** A loop that records each turn that has ended, and ends when told that a turn was the last. */
function looping(ended: number[], isLast: (turn: number) => boolean) {
  return new Flow<Context>('loop', { version: '1', maxVisits: 100_000 })
    .node('turn', async (_input, { visit, signal }: NodeArgs) => {
      await sleep(5, undefined, { signal });
      ended.push(visit);
      return withAction(isLast(visit) ? 'done' : 'again', visit);
    })
    .node('end', (last) => last)
    .edge('turn', 'turn', { action: 'again' })
    .edge('turn', 'end', { action: 'done' });
}

describeEngines('a saved run whose answers are lost on their way back', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.server.stop());

  const openAt = (port: number) =>
    openEngine({ kind: server.kind, address: server.addressAt(port), options: { prefix: 'lost' } });

  it('has each entry once, and one holder', async () => {
    const proxy = await startProxy(server.server.port);
    const engine = openAt(proxy.port);
    await engine.open();
    const { checkpointStore: store } = engine;
    const losing = async <Value>(call: () => Promise<Value>) => {
      const lost = proxy.loseAnswer();
      const value = await call();
      await lost;
      return value;
    };
    const { token, release } = await losing(() => store.claim('r'));
    await losing(() => store.save('r', 'begin', 0, token));
    for (let n = 1; n <= 8; n++) await losing(() => store.append('r', n, `entry ${n}`, token));
    await losing(() => store.save('r', 'five', 5, token));
    await losing(() => Promise.all([9, 10, 11].map((n) => store.append('r', n, `entry ${n}`, token))));
    const entries = [6, 7, 8, 9, 10, 11].map((n) => `entry ${n}`);
    expect(await losing(() => store.load('r'))).toEqual({ snapshot: 'five', seq: 5, entries });
    await losing(() => release());
    await losing(() => store.delete('r'));
    expect(await store.list()).toEqual([]);
    await engine.close();
    await proxy.stop();
  });

  it('continues where it was, without skipping a turn', async () => {
    const proxy = await startProxy(server.server.port);
    const engine = openAt(proxy.port);
    await engine.open();
    const checkpoint = engine.checkpointStore;
    const ended: number[] = [];
    const abort = new AbortController();
    const running = looping(ended, () => false).run({}, { checkpoint, runId: 'turns', signal: abort.signal });
    for (let lost = 0; lost < 15; lost++) {
      const before = ended.length;
      await proxy.loseAnswer();
      await eventually(() => ended.length > before + 1);
    }
    abort.abort();
    expect((await running).status).toBe('cancelled');
    const before = ended.length;
    const turns = before + 30;
    const result = await looping(ended, (turn) => turn === turns).resume('turns', { checkpoint });
    expect(result).toMatchObject({ status: 'completed', output: turns });
    // The current turn may have ended before the abort without being saved.
    const again = ended[before] === ended[before - 1] ? 1 : 0;
    expect(ended.filter((_turn, at) => again === 0 || at !== before)).toEqual(
      Array.from({ length: turns }, (_, n) => n + 1),
    );
    await engine.close();
    await proxy.stop();
  });
});

describeWithPostgres('a saved run on Postgres', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('survives connections that the server ends, with each turn once', { timeout: 300_000 }, async () => {
    const url = await server.createDatabase('ended');
    const engine = postgres(url);
    await engine.open();
    const checkpoint = engine.checkpointStore;
    const admin = new pg.Client(server.url);
    await admin.connect();
    const ended: number[] = [];
    let kills = 0;
    let turns = 0;
    const isLast = (turn: number) => {
      if (kills < 20 || turn < 100) return false;
      turns = turn;
      return true;
    };
    const running = looping(ended, isLast).run({}, { checkpoint, runId: 'turns' });
    const killing = async () => {
      while (turns === 0) {
        const { rowCount } = await admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'ended'`,
        );
        kills += rowCount ?? 0;
        // On a slow machine, no turn would end between two kills that come by the clock.
        const before = ended.length;
        await eventually(() => ended.length > before || turns > 0);
        await sleep(30);
      }
    };
    await Promise.all([running, killing()]);
    expect((await running).status).toBe('completed');
    expect(ended).toEqual(Array.from({ length: turns }, (_, n) => n + 1));
    const { seq = 0, entries = [] } = (await checkpoint.load('turns')) ?? {};
    expect(seq + entries.length).toBe(turns + 1);
    await admin.end();
    await engine.close();
  });

  it('charges each element of a long batch once, although it is aborted and resumed', {
    timeout: 300_000,
  }, async () => {
    const engine = postgres(await server.createDatabase('charges'));
    const items = Array.from({ length: 1_100 }, (_, n) => n);
    const charged = new Map<number, number>();
    const abort = new AbortController();
    const flow = () =>
      new Flow<{ large: string }>('charges', { version: '1' })
        .node('items', () => items)
        .batch(
          'charge',
          (item: number) => {
            charged.set(item, (charged.get(item) ?? 0) + 1);
            if (charged.size === 1_060) abort.abort();
            // Large enough that a snapshot is saved meanwhile.
            return 'y'.repeat(2_500);
          },
          { concurrency: 1 },
        )
        .edge('items', 'charge');
    const { checkpointStore: checkpoint } = engine;
    const large = 'x'.repeat(2_000_000);
    await flow().run({ large }, { checkpoint, runId: 'b', signal: abort.signal });
    const result = await flow().resume('b', { checkpoint });
    expect(result.status).toBe('completed');
    // The current element may have been charged before the abort without being saved.
    const twice = [...charged].filter(([, times]) => times > 1);
    expect(twice.filter(([item]) => item !== 1_059)).toEqual([]);
    expect(charged.size).toBe(1_100);
    await engine.close();
  });
});
