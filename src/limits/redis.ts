import type * as IoRedis from 'ioredis';
import { placeOf, urlOf } from '../shared/address.js';
import { Once } from '../shared/once.js';
import { loadPeers } from '../shared/peers.js';
import { RedisScript, type ScriptRunner } from '../shared/redis-script.js';
import { aValue } from '../shared/validate.js';
import { readAsset } from './assets.js';
import { Calls } from './calls.js';
import { claimHold, claimTime } from './claims.js';
import { type Obstacle, StoreError } from './errors.js';
import type { LimitStore, PlaceRequest, SharedPlace } from './store.js';

const [take, renew, release, pause] = (['take', 'renew', 'release', 'pause'] as const).map(
  (name) => new RedisScript(readAsset(`redis/${name}.lua`)),
) as [RedisScript, RedisScript, RedisScript, RedisScript];

/** The part of a client of ioredis that the store uses. Both `Redis` and `Cluster` are compatible. */
export type RedisClient = ScriptRunner;

const aSource = aValue<string | RedisClient>('a URL, or a client of ioredis', (value) => {
  const { eval: run, evalsha } = Object(value) as { readonly eval?: unknown; readonly evalsha?: unknown };
  return (typeof value === 'string' && value !== '') || (typeof run === 'function' && typeof evalsha === 'function');
});

const aPrefix = aValue<string>(
  'a non-empty string without { and }',
  (value) => typeof value === 'string' && /^[^{}]+$/.test(value),
);

const aDatabase = aValue<string>('the number of a database', (value) => /^\/?\d*$/.test(value as string));

/** Messages of ioredis for a lost connection. They do not say why the connection was lost. */
const lost = /^(Reached the max retries|Connection is closed|Stream isn't writ)/;

const obstacles = (prefix: string): readonly Obstacle[] => [
  {
    pattern: /^(NOAUTH|WRONGPASS)|AUTH.* called without any password/,
    remedy: 'check user and password',
    isFinal: true,
  },
  {
    pattern: /NOPERM|ACL failure in script/,
    remedy: `allow the user ~${prefix}:* +eval +evalsha +time +@sortedset +@string +@keyspace`,
    isFinal: true,
  },
  {
    pattern: /^(MOVED|ASK) /,
    remedy: 'the server is a node of a cluster: pass a Cluster of ioredis to redisLimits()',
    isFinal: true,
  },
  { pattern: /DB index|invalid DB/, remedy: 'give the number of a database of the server', isFinal: true },
  { pattern: /unknown command/, remedy: 'allow the commands EVAL and EVALSHA on the server', isFinal: true },
  { pattern: /^WRONGTYPE/, remedy: 'give a prefix that no other keys have', isFinal: true },
  { pattern: /READONLY/, remedy: 'the server is a replica: give the address of the primary' },
  { pattern: /OOM/, remedy: 'raise maxmemory, or free memory on the server' },
];

/**
 * Keeps shared limits on a Redis server, with `ioredis` (an optional peer dependency). A script grants each place,
 * according to the server's clock. Keys that are not in use expire.
 *
 * @param source - the URL of the server, or a client of ioredis; `close()` does not close a client passed here
 * @param prefix - the beginning of all keys. Default: `orchestrator:limit`
 * @throws {ValidationError} if `source` is neither a URL nor a client, or if `prefix` contains a brace
 * @example
 * const store = redisLimits('redis://localhost');
 * const github = limit({ name: 'github', rate: 10, store });
 */
export function redisLimits(source: string | RedisClient, prefix = 'orchestrator:limit'): LimitStore {
  const read = aSource(source, 'source');
  if (typeof read === 'string') aDatabase(urlOf('redis', read, 'source').pathname, 'the path of source');
  return new RedisLimits(read, aPrefix(prefix, 'prefix'));
}

/** The part of an own connection that the store uses. */
type OwnClient = Pick<IoRedis.Redis, 'disconnect'>;

class RedisLimits implements LimitStore {
  readonly #client: Once<RedisClient>;
  readonly #calls: Calls;
  readonly #server: string;
  readonly #obstacles: readonly Obstacle[];
  #own: OwnClient | undefined = undefined;
  /** The last error of the own connection. */
  #failure: unknown = undefined;

  constructor(
    source: string | RedisClient,
    private readonly prefix: string,
  ) {
    this.#client = new Once(async () => (typeof source === 'string' ? this.#open(source) : source));
    this.#calls = new Calls((error) => this.#explain(error));
    this.#server = typeof source === 'string' ? `redis at ${placeOf('redis', source, 'source', 6379)}` : nameOf(source);
    this.#obstacles = obstacles(prefix);
  }

  async take({ cost, concurrency, rate, per, lease, waited, ...place }: PlaceRequest): Promise<number> {
    const rules = [finite(concurrency), finite(rate), per, Math.ceil(lease)];
    const delay = await this.#run(take, this.#keys(place), place.id, cost, ...rules, waited, claimTime, claimHold);
    return delay === -1 ? Infinity : Number(delay);
  }

  async release(place: SharedPlace, refund = 0): Promise<void> {
    await this.#run(release, this.#keys(place), place.id, refund);
  }

  async renew(places: readonly SharedPlace[], lease: number): Promise<void> {
    const byKey = new Map<string, string[]>();
    for (const place of places) {
      const [key] = this.#keys(place) as [string];
      const ids = byKey.get(key);
      if (ids === undefined) byKey.set(key, [place.id]);
      else ids.push(place.id);
    }
    await Promise.all([...byKey].map(([key, ids]) => this.#run(renew, [key], Math.ceil(lease), ...ids)));
  }

  async pause(limit: string, key: string, milliseconds: number): Promise<void> {
    const most = Math.min(Math.ceil(milliseconds), Number.MAX_SAFE_INTEGER);
    const pauseKey = this.#keys({ limit, key, id: '' })[3] as string;
    await this.#run(pause, [pauseKey], most);
  }

  async close(): Promise<void> {
    await this.#calls.close();
    this.#own?.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #run(script: RedisScript, keys: readonly string[], ...args: (string | number)[]): Promise<unknown> {
    return this.#calls.make(async (late) => {
      // A connection on which nothing is answered may be half-open.
      late.addEventListener('abort', () => this.#own?.disconnect(true));
      const client = await this.#client.get();
      if ((client as { readonly status?: unknown }).status === 'end') {
        throw new StoreError(`${this.#server}: the client was closed: close the limits before their client`, true);
      }
      return script.run(client, keys, args);
    });
  }

  async #open(url: string): Promise<RedisClient> {
    const { ioredis } = await loadPeers<{ ioredis: typeof IoRedis }>('redisLimits', ['ioredis']);
    // ioredis recognises only lower-case schemes.
    const client = new ioredis.Redis(
      url.replace(/^[^:]*/, (scheme) => scheme.toLowerCase()),
      {
        maxRetriesPerRequest: 1,
        connectTimeout: 4_000,
        // The check needs a right that not every user has. A server that is loading its data refuses commands anyway.
        enableReadyCheck: false,
        retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1_000) * (0.5 + Math.random() / 2),
        // The address of a server that has become a replica will soon lead to another server.
        reconnectOnError: ({ message }) => message.includes('READONLY'),
      },
    );
    client.on('connect', () => {
      this.#failure = undefined;
    });
    client.on('error', (error) => {
      this.#failure = error;
    });
    this.#own = client;
    try {
      // ioredis would continue in database 0 if the server refused the database.
      if (client.options.db) await client.select(client.options.db);
      return client;
    } catch (error) {
      client.disconnect();
      throw error;
    }
  }

  #explain(error: unknown): StoreError {
    const isLost = lost.test(String(Object(error).message));
    return StoreError.from(isLost ? (this.#failure ?? error) : error, this.#server, this.#obstacles);
  }

  /** Returns the keys of a limit. The braces keep them on one server of a cluster. */
  #keys({ limit, key }: SharedPlace): readonly string[] {
    const name = `${this.prefix}:{${encodeURIComponent(limit)}:${encodeURIComponent(key)}}`;
    return ['places', 'starts', 'sum', 'pause', 'claim'].map((part) => `${name}:${part}`);
  }
}

function nameOf(client: RedisClient): string {
  const { options } = client as { readonly options?: { readonly host?: unknown; readonly port?: unknown } };
  return options?.host === undefined ? 'redis' : `redis at ${options.host}:${options.port}`;
}

/** Converts Infinity to 0, which the scripts read as no limit. */
function finite(value: number): number {
  return value === Infinity ? 0 : value;
}
