import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, type EngineOptions, pglite, postgres, redis } from 'orchestrator/distributed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Leases } from '../../src/distributed/engines/leases.js';
import { thisPlace } from '../../src/shared/place.js';
import { describeWith } from '../needs/describe-with.js';
import { rejection } from '../support.js';
import { eventually } from './servers/eventually.js';
import { startPostgres } from './servers/postgres.js';
import { startWorkerProcess } from './servers/processes.js';
import { removeDirectory, temporaryDirectory } from './servers/reaper.js';
import { startRedis } from './servers/redis.js';

interface Ground {
  open(options?: EngineOptions): Engine;
  /** The address at which another process finds the same data; `undefined` if only one process can. */
  readonly address: string;
  stop(): Promise<void>;
}

const grounds = {
  async redis(): Promise<Ground> {
    const { url, stop } = await startRedis();
    return { open: (options) => redis(url, options), address: url, stop };
  },
  async postgres(): Promise<Ground> {
    const { url, stop } = await startPostgres();
    return { open: (options) => postgres(url, options), address: url, stop };
  },
  async pglite(): Promise<Ground> {
    const address = await temporaryDirectory();
    return { open: (options) => pglite(address, options), address, stop: () => removeDirectory(address) };
  },
};

const needs = { redis: 'redis-server', postgres: 'postgres' } as const;
const options = { timeout: 300_000 };
/** Long enough that a program on a busy machine does not lose its hold. */
const short = { holdDuration: 3_000 };

/** Keeps an engine from renewing its holds, as if its program had been suspended. */
function suspend({ checkpointStore }: Engine): void {
  (checkpointStore as unknown as { readonly leases: Leases }).leases.close();
}

describe('a hold on a run, on pglite', options, () => tests('pglite'));
for (const kind of ['redis', 'postgres'] as const) {
  describeWith(needs[kind], `a hold on a run, on ${kind}`, () => tests(kind), options);
}

function tests(kind: keyof typeof grounds): void {
  let ground: Ground;
  const engines: Engine[] = [];

  function open(options?: EngineOptions): Engine {
    const engine = ground.open(options);
    engines.push(engine);
    return engine;
  }

  function holderOf(runId: string, options: EngineOptions = {}) {
    return startWorkerProcess<{ readonly token: string; readonly refused?: string }>({
      module: new URL('./faults/fixtures/holder.ts', import.meta.url),
      env: { ENGINE: JSON.stringify({ kind, address: ground.address, options }), RUN: runId },
    });
  }

  beforeAll(async () => {
    ground = await grounds[kind]();
    await open().open();
  });
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()));
    await ground.stop();
  });

  it.concurrent('that was not renewed ends when another takes the run, and its holder writes nothing more', async () => {
    const [one, other] = [open(short).checkpointStore, open(short).checkpointStore];
    const began = performance.now();
    const { token } = await one.claim('taken', 'the first');
    await one.save('taken', 'snapshot', 0, token);
    expect(await rejection(other.claim('taken'))).toMatchObject({ code: 'ERR_LOCKED', holder: 'the first' });
    suspend(one.engine);
    const heir = await eventually(() => other.claim('taken', 'the second'));
    expect(performance.now() - began).toBeGreaterThan(short.holdDuration - 50);
    await other.append('taken', 1, 'of the second', heir.token);
    for (const late of [
      () => one.append('taken', 2, 'of the first', token),
      () => one.append('taken', 1, 'of the second', token),
      () => one.save('taken', 'late', 1, token),
      () => one.delete('taken', token),
      () => one.append('taken', 2, 'of nobody'),
    ]) {
      expect(await rejection(late())).toMatchObject({ code: 'ERR_LOCKED', holder: 'the second' });
    }
    await heir.release();
    const lost = await rejection(one.append('taken', 2, 'of the first', token));
    expect(lost).toMatchObject({ code: 'ERR_LOCKED', holder: undefined });
    expect(await one.load('taken')).toEqual({ snapshot: 'snapshot', seq: 0, entries: ['of the second'] });
  });

  it.concurrent('that was not renewed continues with the next write, if nobody has taken the run', async () => {
    const [one, other] = [open(short).checkpointStore, open(short).checkpointStore];
    const { token } = await one.claim('slept');
    await one.save('slept', 'snapshot', 0, token);
    suspend(one.engine);
    await sleep(2 * short.holdDuration);
    await one.append('slept', 1, 'late', token);
    expect(await rejection(other.claim('slept'))).toMatchObject({ code: 'ERR_LOCKED' });
    expect((await one.load('slept'))?.entries).toEqual(['late']);
  });

  it.concurrent('that was not renewed is lost by a write without a hold', async () => {
    const [one, other] = [open(short).checkpointStore, open(short).checkpointStore];
    const { token } = await one.claim('copied');
    await one.save('copied', 'snapshot', 0, token);
    suspend(one.engine);
    await eventually(() => other.append('copied', 1, 'by a copy'));
    expect(await rejection(one.append('copied', 2, 'late', token))).toMatchObject({ code: 'ERR_LOCKED' });
  });

  it.concurrent('is kept as long as its program is alive and has not released it', async () => {
    const [one, other] = [open(short).checkpointStore, open(short).checkpointStore];
    const claims = await Promise.all([one.claim('kept'), one.claim('kept too')]);
    for (let look = 0; look < 10; look++) {
      await sleep(short.holdDuration / 5);
      expect(await rejection(other.claim('kept'))).toMatchObject({ code: 'ERR_LOCKED' });
    }
    await claims[0].release();
    await claims[0].release();
    expect(await rejection(other.claim('kept too'))).toMatchObject({ code: 'ERR_LOCKED' });
    await (await other.claim('kept')).release();
    await claims[1].release();
  });

  it('is given to one of many concurrent callers', async () => {
    const stores = [open().checkpointStore, open().checkpointStore];
    const wanted = Array.from({ length: 20 }, (_, n) => stores[n % 2]?.claim('wanted', `${n}`));
    const settled = await Promise.allSettled(wanted);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const each of settled) if (each.status === 'rejected') expect(each.reason.code).toBe('ERR_LOCKED');
  });

  // A directory belongs to one process at a time.
  it.skipIf(kind === 'pglite')(
    'of a process that was suspended for too long is lost, and the process writes nothing more',
    async () => {
      const holder = holderOf('stopped', short);
      await holder.waitFor(() => true, 120_000);
      const store = open(short).checkpointStore;
      expect(await rejection(store.claim('stopped'))).toMatchObject({ code: 'ERR_LOCKED', holder: 'the fixture' });
      holder.signal('SIGSTOP');
      const { token } = await eventually(() => store.claim('stopped', 'the heir'));
      await store.save('stopped', 'snapshot', 0, token);
      holder.signal('SIGCONT');
      holder.send({});
      const told = await holder.waitFor(({ refused }) => refused !== undefined);
      expect(told.refused).toBe('ERR_LOCKED by the heir');
      expect((await store.load('stopped'))?.entries).toEqual([]);
      await holder.kill();
    },
  );

  it.skipIf((process.platform as string) !== 'linux')('of a process that has died is taken over at once', async () => {
    // A directory belongs to one process at a time.
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    const holder = holderOf('of a dead one');
    await holder.waitFor(() => true, 120_000);
    await holder.kill();
    const store = open().checkpointStore;
    const claim = await store.claim('of a dead one');
    await store.save('of a dead one', 'snapshot', 0, claim.token);
    const [told] = holder.messages;
    expect(await rejection(store.append('of a dead one', 1, 'late', told?.token))).toMatchObject({
      code: 'ERR_LOCKED',
    });
  });
}

it.skipIf((process.platform as string) !== 'linux')(
  'a process is known to be dead only on the same machine',
  async () => {
    const place = await thisPlace();
    const [boot = '', namespace = '', pid = '', start = ''] = place.id.split('/');
    const dead = (...parts: readonly string[]) => place.isDead(parts.join('/'));
    expect(await place.isDead(place.id)).toBe(false);
    expect(await dead(boot, namespace, pid, `${Number(start) + 1}`)).toBe(true);
    expect(await dead(boot, namespace, '2000000000', start)).toBe(true);
    expect(await dead('another', namespace, '2000000000', start)).toBe(false);
    expect(await dead(boot, 'pid:[1]', '2000000000', start)).toBe(false);
    expect(await place.isDead('')).toBe(false);
  },
);
