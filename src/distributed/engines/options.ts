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

/** What engines that stand on a server or a database take. */
export interface EngineOptions {
  /**
   * What names of keys and tables begin with: a letter, then letters, digits and `_`, at most 40 characters; not `bullmq`,
   * `information_schema` or `pg_…`, in any case. Fleets with different prefixes know nothing of each other.
   * Default: `orchestrator`.
   */
  readonly prefix?: string | undefined;
  /** How long to wait for the first answer, in milliseconds. Default: 10000. */
  readonly connectTimeout?: number | undefined;
  /**
   * How long to try an operation again while the engine cannot be reached, or does not answer, in milliseconds. A call
   * rejects with an `EngineError` when the engine has not answered it for this time, and for `connectTimeout` besides where it
   * is the first. A call that asks several things, one after the other (`startRun`, `signal`, `cancel`, `pendingWork`), has
   * this time for each. An attempt without an answer is repeated after an eighth of the time, and a second at least. Default:
   * 30000.
   */
  readonly operationTimeout?: number | undefined;
  /**
   * For how many milliseconds of silence a program keeps a run in process that it saves here, of at least 500: a whole
   * number. When the program dies, another can go on with the run after this time. Default: 15000.
   */
  readonly holdDuration?: number | undefined;
}

/** What an engine on Redis takes. */
export interface RedisOptions extends EngineOptions {
  /**
   * If true, a server whose `maxmemory-policy` is not `noeviction` is used, and workers warn of it: such a server forgets
   * runs when its memory is full. Default: false, so that such a server is refused with an `EngineError`.
   */
  readonly allowEviction?: boolean | undefined;
}

/** Schemas of Postgres that are not a fleet's: its own, and that of the queue. Other engines refuse them, too. */
const taken = /^(bullmq|information_schema|pg_.*)$/i;

const aPrefix: Reader<string> = (value, field) => {
  if (typeof value !== 'string') throw invalid(field, 'a string', value);
  if (/^[a-zA-Z][a-zA-Z0-9_]{0,39}$/.test(value) && !taken.test(value)) return value;
  throw new ValidationError(
    `${field} must be a letter, then letters, digits and _, at most 40 characters, and none of bullmq, information_schema ` +
      `and pg_…, got ${JSON.stringify(cut(value, 60))}`,
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

/** The same, complete. */
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
