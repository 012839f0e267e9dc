import type { RedisOptions } from 'ioredis';
import { placeOf, urlOf } from '../../../shared/address.js';
import { ValidationError } from '../../../shared/errors.js';
import { aName, aValue, invalid } from '../../../shared/validate.js';
import { isConnection, type Source } from './connections.js';
import type { Connection } from './scripts.js';

/** The options of a user-supplied connection that are checked. */
type Given = Pick<RedisOptions, 'db' | 'host' | 'keyPrefix' | 'path' | 'port'> & {
  /** Present if the connection is a cluster. */
  readonly redisOptions?: Pick<RedisOptions, 'db' | 'keyPrefix'>;
};

const aConnection = aValue<Connection>('an address, addresses of a cluster, or a connection of ioredis', (value) => {
  const { ping, duplicate } = Object(value) as { readonly ping?: unknown; readonly duplicate?: unknown };
  return typeof ping === 'function' && typeof duplicate === 'function';
});

const someAddresses = aValue<readonly unknown[]>(
  'an address, or a non-empty array of addresses',
  (value) => Array.isArray(value) && value.length > 0,
);

const aDatabase = 'a whole number of at least 0';
const example = 'redis://host:6379/1';

/**
 * Reads the `server` argument of `redis()`. Refuses a database that is not a number, which ioredis would take for
 * database 0, and an unknown scheme, which ioredis would take for a path.
 *
 * @throws {ValidationError} if the argument is invalid; the message repeats no section of an address
 */
export function readServer(server: unknown): Source {
  if (typeof server === 'string') return [readAddress(server, 'server').address];
  if (!Array.isArray(server)) return readConnection(server);
  const read = someAddresses(server, 'server').map((one, index) => readAddress(one, `server[${index}]`));
  const other = read.findIndex(({ database }) => database !== 0);
  if (read.length > 1 && other >= 0) {
    throw new ValidationError(`server[${other}] must have no database number, or 0: a cluster has only database 0`);
  }
  return read.map(({ address }) => address);
}

/** Returns the host and port of each server, without user and password. */
export function placesOf(source: Source): string {
  if (!isConnection(source)) return source.map((address) => placeOf('redis', address, 'server', 6379)).join(', ');
  const { host = 'a cluster', port, path } = optionsOf(source);
  return path ?? (port === undefined ? host : `${host}:${port}`);
}

function readAddress(given: unknown, field: string): { readonly address: string; readonly database: number } {
  const address = aName(given, field);
  const { pathname, searchParams } = urlOf('redis', address, field);
  if (searchParams.has('keyPrefix')) throw prefixed(field);
  // In ioredis the path takes precedence over the parameter.
  const databases = [pathname.slice(1), ...searchParams.getAll('db')].filter((text) => text !== '');
  if (!databases.every(isDatabase) || new Set(databases.map(Number)).size > 1) {
    throw new ValidationError(`${field} must name its database by ${aDatabase}, as in ${example}`);
  }
  // ioredis recognises only lower-case schemes. With `REDISS:` it would connect without TLS.
  return { address: address.replace(/^[^:]*/, (scheme) => scheme.toLowerCase()), database: Number(databases[0] ?? 0) };
}

function readConnection(given: unknown): Connection {
  const connection = aConnection(given, 'server');
  const { db = 0, keyPrefix, path = '', redisOptions = {} } = optionsOf(connection);
  if (keyPrefix || redisOptions.keyPrefix) throw prefixed('server');
  if (!isDatabase(String(db))) throw invalid('server.options.db', aDatabase, db);
  if (connection.isCluster && ![undefined, 0].includes(redisOptions.db)) {
    throw new ValidationError('server.options.redisOptions.db must be 0 or absent: a cluster has only database 0');
  }
  // ioredis takes an address with an unknown scheme, including its password, for the path of a socket.
  if (path.startsWith('//')) {
    throw new ValidationError('server must be made from an address that begins with redis:// or rediss://');
  }
  return connection;
}

function optionsOf(connection: Connection): Given {
  return Object((connection as { readonly options?: unknown }).options) as Given;
}

/** Returns true if the text is a valid number of a database. The server decides how many databases exist. */
function isDatabase(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) < 2 ** 31;
}

function prefixed(field: string): ValidationError {
  return new ValidationError(`${field} must have no keyPrefix: use the option prefix of the engine instead`);
}
