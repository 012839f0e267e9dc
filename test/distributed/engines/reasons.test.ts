import { createServer } from 'node:net';
import { EngineError, type EngineErrorReason, postgres, redis } from 'orchestrator/distributed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Judgement, persistently } from '../../../src/distributed/engines/persistence.js';
import { judgeRedis } from '../../../src/distributed/engines/redis/transient.js';
import { rejection } from '../../support.js';
import { describeWithPostgres, type PostgresServer, startPostgres } from '../servers/postgres.js';
import { describeWithRedis, redisOfSuite } from '../servers/redis.js';

const short = { connectTimeout: 1_000, operationTimeout: 1_000 };

describe('the reason of an EngineError', () => {
  it.each<[EngineErrorReason, boolean]>([
    ['unreachable', true],
    ['timeout', true],
    ['full', true],
    ['rights', false],
    ['payload', false],
    ['unsuitable', false],
    ['closed', false],
    ['refused', false],
  ])('%s has isRetryable %s', (reason, isRetryable) => {
    const error = new EngineError('db', 'has failed', { reason });
    expect(error).toMatchObject({ reason, isRetryable, isFinal: reason === 'payload' });
  });

  it('is by default unreachable, or payload if the error is final', () => {
    expect(new EngineError('db', 'is away')).toMatchObject({ reason: 'unreachable', isRetryable: true });
    expect(new EngineError('db', 'cannot keep this', { isFinal: true })).toMatchObject({ reason: 'payload' });
  });

  it.each<[object, Judgement, EngineErrorReason]>([
    [{ code: 'ECONNREFUSED' }, 'passes', 'unreachable'],
    [{ code: '53100' }, 'refused', 'full'],
    [{ code: '53200' }, 'refused', 'full'],
    [{ message: "OOM command not allowed when used memory > 'maxmemory'." }, 'refused', 'full'],
    [{ message: 'MISCONF Redis is configured to save RDB snapshots' }, 'refused', 'full'],
    [{ message: 'NOREPLICAS Not enough good replicas to write.' }, 'refused', 'unreachable'],
    [{ message: 'NOPERM this user has no permissions' }, 'refused', 'rights'],
    [{ message: 'WRONGPASS invalid username-password pair' }, 'refused', 'rights'],
    [{ message: 'NOAUTH Authentication required.' }, 'refused', 'rights'],
    [{ code: '28P01' }, 'refused', 'rights'],
    [{ code: '42501' }, 'refused', 'rights'],
    [{ message: 'do this', cause: { code: '42501' } }, 'refused', 'rights'],
    [{ code: '22P02' }, 'final', 'payload'],
    [{ code: '42P01' }, 'refused', 'refused'],
  ])('follows from %o, which %s', async (given, judgement, reason) => {
    const cause = Object.assign(new Error('failed'), given);
    const failing = persistently({ name: 'db', timeout: 20, judge: () => judgement }, () => Promise.reject(cause));
    expect(await rejection(failing)).toMatchObject({ reason, cause });
  });

  it.each<[string, Judgement]>([
    ['NOSCRIPT No matching script. Please use EVAL.', 'passes'],
    ['READONLY You can not write against a read only replica.', 'passes'],
    ['ERR Protocol error: invalid bulk length', 'final'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'refused'],
  ])('of a Redis server that replies "%s" %s', (message, judgement) => {
    expect(judgeRedis(new Error(message))).toBe(judgement);
  });

  it('is timeout if there is no answer, and the failure to connect if no connection can be made', async () => {
    const never = () => new Promise(() => undefined);
    const silent = { name: 'db', timeout: 20, judge: () => 'passes' as const };
    expect(await rejection(persistently(silent, never))).toMatchObject({ reason: 'timeout' });
    const away = { ...silent, unreached: () => new Error('connect ECONNREFUSED') };
    expect(await rejection(persistently(away, never))).toMatchObject({ reason: 'unreachable' });
    const refused = { ...silent, unreached: () => new Error('WRONGPASS invalid username-password pair') };
    expect(await rejection(persistently(refused, never))).toMatchObject({ reason: 'rights', isRetryable: false });
  });

  it.each([
    ['redis', () => redis('redis://127.0.0.1:1', short)],
    ['postgres', () => postgres('postgres://127.0.0.1:1/none', short)],
  ])('is unreachable for %s if nothing listens there, and closed after close()', async (_, make) => {
    const engine = make();
    expect(await rejection(engine.open())).toMatchObject({ reason: 'unreachable', isRetryable: true });
    await engine.close();
    expect(await rejection(engine.open())).toMatchObject({ reason: 'closed', isRetryable: false });
  });

  it('is timeout for a server that accepts connections and stays silent', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const engine = redis(`redis://127.0.0.1:${port}`, short);
    expect(await rejection(engine.open())).toMatchObject({ reason: 'timeout', isRetryable: true });
    await engine.close();
    server.close();
  });
});

describeWithRedis('the reason of an EngineError, of a Redis', () => {
  const given = redisOfSuite();

  it('is unsuitable, full or rights, depending on the reply of the server', async () => {
    const { client, server } = given;
    const engine = redis(server.url, short);
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await rejection(engine.open())).toMatchObject({ reason: 'unsuitable', isRetryable: false });
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await engine.open();
    await client.config('SET', 'maxmemory', '1');
    expect(await rejection(engine.checkpointStore.save('a', 'snapshot', 0))).toMatchObject({ reason: 'full' });
    await client.config('SET', 'maxmemory', '0');
    await engine.close();
    const stranger = new URL(server.url);
    stranger.password = 'guessed';
    const refused = redis(stranger.href, short);
    expect(await rejection(refused.open())).toMatchObject({ reason: 'rights', isRetryable: false });
    await refused.close();
  });
});

describeWithPostgres('the reason of an EngineError, of a Postgres', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  it('is rights or payload, depending on the reply of the server', async () => {
    const url = await server.createDatabase('reasons');
    const stranger = new URL(url);
    stranger.password = 'guessed';
    const refused = postgres(stranger.href, short);
    expect(await rejection(refused.open())).toMatchObject({ reason: 'rights', isRetryable: false });
    await refused.close();
    const engine = postgres(url);
    await engine.open();
    expect(await rejection(engine.checkpointStore.save('a', 'a\0b', 0))).toMatchObject({ reason: 'payload' });
    await engine.close();
  });
});
