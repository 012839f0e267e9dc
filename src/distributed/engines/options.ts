import { ValidationError } from '../../shared/errors.js';
import { cut } from '../../shared/text.js';
import {
  aBoolean,
  aLimit,
  anObjectOf,
  aValue,
  invalid,
  longestDelay,
  type Reader,
  type Schema,
} from '../../shared/validate.js';

/**
 * Options of the engines that use a server or a database: `redis()`, `postgres()` and `pglite()`. All programs of a
 * fleet must use the same `prefix`; the timeouts may differ from program to program.
 */
export interface EngineOptions {
  /**
   * The beginning of the names of all keys or tables of the fleet. A letter followed by letters, digits or `_`, at most
   * 40 characters. The names `bullmq`, `information_schema` and `pg_…` are refused, regardless of case. Fleets with
   * different prefixes share nothing, even on the same server. Default: `orchestrator`.
   */
  readonly prefix?: string | undefined;
  /** Milliseconds to wait for the server's first answer. Default: 10000. */
  readonly connectTimeout?: number | undefined;
  /**
   * Milliseconds for which an operation is retried while the engine is unreachable or silent. After this time the call
   * rejects with an `EngineError`. The first call may take `connectTimeout` longer. A method that makes several calls
   * in sequence (`startRun`, `signal`, `cancel`, `pendingWork`) has this time for each call. An attempt without an
   * answer is repeated after an eighth of this time, but not before 1 second has passed. Default: 30000.
   */
  readonly operationTimeout?: number | undefined;
  /**
   * Milliseconds that this program's hold on a flow run lasts unless the program renews it. The setting applies to flow
   * runs that are saved through this engine. Afterwards, for example because the program died, another program can
   * resume the run. A whole number of at least 500. Default: 15000.
   */
  readonly holdDuration?: number | undefined;
}

/**
 * Options of `redis()`: the options of every engine on a server, and `allowEviction`. The defaults suit a server that
 * is set up for durable data.
 */
export interface RedisOptions extends EngineOptions {
  /**
   * If true, the engine accepts a server whose `maxmemory-policy` is not `noeviction`, and workers report a warning.
   * Such a server deletes runs when its memory is full. If false, the engine refuses such a server with an
   * `EngineError`. Default: false.
   */
  readonly allowEviction?: boolean | undefined;
}

/**
 * Names of Postgres schemas that a fleet must not use: the schemas of Postgres itself and of the queue. Redis engines
 * refuse the same names, so that a prefix is valid on every engine.
 */
const taken = /^(bullmq|information_schema|pg_.*)$/i;

const aPrefix: Reader<string> = (value, field) => {
  if (typeof value !== 'string') throw invalid(field, 'a string', value);
  if (/^[a-zA-Z][a-zA-Z0-9_]{0,39}$/.test(value) && !taken.test(value)) return value;
  throw new ValidationError(
    `${field} must be a letter followed by letters, digits or _, at most 40 characters in all, and must not be bullmq, ` +
      `information_schema or pg_…, got ${JSON.stringify(cut(value, 60))}`,
  );
};

const schema = {
  prefix: aPrefix,
  connectTimeout: aLimit,
  operationTimeout: aLimit,
  holdDuration: aValue(
    'a whole number of milliseconds of at least 500',
    (value) => Number.isSafeInteger(value) && (value as number) >= 500 && (value as number) <= longestDelay,
  ),
} satisfies Schema<EngineOptions>;

const readGivenOptions = anObjectOf<EngineOptions>(schema);
const readGivenRedisOptions = anObjectOf<RedisOptions>({ ...schema, allowEviction: aBoolean });

/** Engine options with all defaults filled in. */
export interface ReadEngineOptions {
  readonly prefix: string;
  readonly connectTimeout: number;
  readonly operationTimeout: number;
  readonly holdDuration: number;
}

export interface ReadRedisOptions extends ReadEngineOptions {
  readonly allowEviction: boolean;
}

export function readEngineOptions(options: EngineOptions): ReadEngineOptions {
  return complete(readGivenOptions(options));
}

export function readRedisOptions(options: RedisOptions): ReadRedisOptions {
  const { allowEviction = false, ...read } = readGivenRedisOptions(options);
  return { ...complete(read), allowEviction };
}

function complete(read: EngineOptions): ReadEngineOptions {
  const { prefix = 'orchestrator', connectTimeout = 10_000, operationTimeout = 30_000, holdDuration = 15_000 } = read;
  return { prefix, connectTimeout, operationTimeout, holdDuration };
}
