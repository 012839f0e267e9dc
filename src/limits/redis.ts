import type * as IoRedis from 'ioredis';
import { Once } from '../shared/once.js';
import { loadPeers } from '../shared/peers.js';
import { aValue } from '../shared/validate.js';
import type { LimitStore, PlaceRequest, SharedPlace } from './store.js';

/**
 * Grants a place, according to the server's clock. Places are a sorted set, ordered by the end of their lease. Starts
 * are a sorted set, ordered by time, with the sum of their costs in a key of its own.
 */
const take = `
local places, starts, sum, pause = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, cost, concurrency, rate = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local per, lease = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local closed = redis.call('PTTL', pause)
if closed > 0 then return closed end
if concurrency > 0 then
  redis.call('ZREMRANGEBYSCORE', places, '-inf', string.format('%.3f', now))
  if redis.call('ZCARD', places) >= concurrency then return -1 end
end
if rate > 0 then
  local used = tonumber(redis.call('GET', sum) or '0')
  local past = string.format('%.3f', now - per)
  for _, start in ipairs(redis.call('ZRANGEBYSCORE', starts, '-inf', past)) do
    used = used - tonumber(string.match(start, '^%d+'))
  end
  redis.call('ZREMRANGEBYSCORE', starts, '-inf', past)
  local missing = used + cost - rate
  local keep = math.ceil(per) + 1000
  if missing > 0 then
    redis.call('SET', sum, string.format('%.0f', used), 'PX', keep)
    local from = 0
    while true do
      local page = redis.call('ZRANGE', starts, from, from + 99, 'WITHSCORES')
      if #page == 0 then return 1 end
      for at = 1, #page, 2 do
        missing = missing - tonumber(string.match(page[at], '^%d+'))
        if missing <= 0 then return math.max(1, math.ceil(tonumber(page[at + 1]) + per - now)) end
      end
      from = from + 100
    end
  end
  redis.call('ZADD', starts, string.format('%.3f', now), string.format('%.0f', cost) .. ':' .. id)
  redis.call('PEXPIRE', starts, keep)
  redis.call('SET', sum, string.format('%.0f', used + cost), 'PX', keep)
end
if concurrency > 0 then
  redis.call('ZADD', places, string.format('%.3f', now + lease), id)
  redis.call('PEXPIRE', places, lease * 2)
end
return 0`;

const renew = `
local time = redis.call('TIME')
local untilThen = string.format('%.3f', time[1] * 1000 + time[2] / 1000 + ARGV[1])
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], untilThen, ARGV[at]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1] * 2)`;

const pause = `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end`;

const release = `return redis.call('ZREM', KEYS[1], ARGV[1])`;

/** The part of a client of ioredis that the store uses. Both `Redis` and `Cluster` are compatible. */
export interface RedisClient {
  eval(script: string, keys: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
}

const aSource = aValue<string | RedisClient>(
  'a URL, or a client of ioredis',
  (value) => (typeof value === 'string' && value !== '') || typeof (value as RedisClient | null)?.eval === 'function',
);

/**
 * Keeps shared limits on a Redis server, with `ioredis` (an optional peer dependency). A script grants each place,
 * according to the server's clock.
 *
 * @param source - the URL of the server, or a client of ioredis; `close()` does not close a client passed here
 * @param prefix - the beginning of all keys. Default: `orchestrator:limit`
 * @throws {ValidationError} if `source` is neither a URL nor a client
 * @example
 * const store = redisLimits('redis://localhost');
 * const github = limit({ name: 'github', rate: 10, store });
 */
export function redisLimits(source: string | RedisClient, prefix = 'orchestrator:limit'): LimitStore {
  return new RedisLimits(aSource(source, 'source'), prefix);
}

class RedisLimits implements LimitStore {
  readonly #client: Once<RedisClient>;
  #own: { disconnect(): void } | undefined = undefined;

  constructor(
    source: string | RedisClient,
    private readonly prefix: string,
  ) {
    this.#client = new Once(async () => {
      if (typeof source !== 'string') return source;
      const { ioredis } = await loadPeers<{ ioredis: typeof IoRedis }>('redisLimits', ['ioredis']);
      const client = new ioredis.Redis(source, {
        maxRetriesPerRequest: 1,
        connectTimeout: 5_000,
        commandTimeout: 5_000,
      });
      // Commands that fail reject their promises. Without a listener, ioredis would print connection errors.
      client.on('error', () => {});
      this.#own = client;
      return client;
    });
  }

  async take({ limit, key, id, cost, concurrency, rate, per, lease }: PlaceRequest): Promise<number> {
    const name = this.#name(limit, key);
    const keys = [`${name}:places`, `${name}:starts`, `${name}:sum`, `${name}:pause`];
    const rules = [finite(concurrency), finite(rate), per, Math.ceil(lease)];
    const delay = await (await this.#client.get()).eval(take, keys.length, ...keys, id, cost, ...rules);
    return delay === -1 ? Infinity : Number(delay);
  }

  async release({ limit, key, id }: SharedPlace): Promise<void> {
    await (await this.#client.get()).eval(release, 1, `${this.#name(limit, key)}:places`, id);
  }

  async renew(places: readonly SharedPlace[], lease: number): Promise<void> {
    const client = await this.#client.get();
    const byName = new Map<string, string[]>();
    for (const { limit, key, id } of places) {
      const name = this.#name(limit, key);
      const ids = byName.get(name);
      if (ids === undefined) byName.set(name, [id]);
      else ids.push(id);
    }
    await Promise.all(
      [...byName].map(([name, ids]) => client.eval(renew, 1, `${name}:places`, Math.ceil(lease), ...ids)),
    );
  }

  async pause(limit: string, key: string, milliseconds: number): Promise<void> {
    const most = Math.min(Math.ceil(milliseconds), Number.MAX_SAFE_INTEGER);
    await (await this.#client.get()).eval(pause, 1, `${this.#name(limit, key)}:pause`, most);
  }

  async close(): Promise<void> {
    await this.#client.made();
    this.#own?.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Returns the beginning of the keys of a limit. The braces keep all these keys on the same server of a cluster. */
  #name(limit: string, key: string): string {
    return `${this.prefix}:{${encodeURIComponent(limit)}:${encodeURIComponent(key)}}`;
  }
}

/** Converts Infinity to 0, which the scripts read as no limit. */
function finite(value: number): number {
  return value === Infinity ? 0 : value;
}
