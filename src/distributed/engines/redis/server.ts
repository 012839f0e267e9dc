import type { RedisOptions } from 'ioredis';
import { ValidationError } from '../../../shared/errors.js';
import { aName, aValue, invalid } from '../../../shared/validate.js';
import { placeOf, urlOf } from '../address.js';
import { isConnection, type Source } from './connections.js';
import type { Connection } from './scripts.js';

/** What is looked at of a connection that was handed over. */
type Given = Pick<RedisOptions, 'db' | 'host' | 'keyPrefix' | 'path' | 'port'> & {
  /** Of a cluster. */
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
 * Reads what an engine is to connect to. ioredis takes a database that it cannot read for the first one, and other schemes
 * for paths, so both are refused here.
 *
 * @throws {ValidationError} that names the field, and repeats no part of an address
 */
export function readServer(server: unknown): Source {
  if (typeof server === 'string') return [readAddress(server, 'server').address];
  if (!Array.isArray(server)) return readConnection(server);
  const read = someAddresses(server, 'server').map((one, index) => readAddress(one, `server[${index}]`));
  const other = read.findIndex(({ database }) => database !== 0);
  if (read.length > 1 && other >= 0) {
    throw new ValidationError(`server[${other}] must have no number of a database, or 0: a cluster has no other`);
  }
  return read.map(({ address }) => address);
}

/** Where a server is: no user, no password. */
export function placesOf(source: Source): string {
  if (!isConnection(source)) return source.map((address) => placeOf('redis', address, 'server', 6379)).join(', ');
  const { host = 'a cluster', port, path } = optionsOf(source);
  return path ?? (port === undefined ? host : `${host}:${port}`);
}

function readAddress(given: unknown, field: string): { readonly address: string; readonly database: number } {
  const address = aName(given, field);
  const { pathname, searchParams } = urlOf('redis', address, field);
  if (searchParams.has('keyPrefix')) throw prefixed(field);
  // The path goes before the parameter, for ioredis.
  const databases = [pathname.slice(1), ...searchParams.getAll('db')].filter((text) => text !== '');
  if (!databases.every(isDatabase) || new Set(databases.map(Number)).size > 1) {
    throw new ValidationError(`${field} must name its database by ${aDatabase}, as in ${example}`);
  }
  // ioredis knows the scheme in lower case alone: with another it would speak without TLS.
  return { address: address.replace(/^[^:]*/, (scheme) => scheme.toLowerCase()), database: Number(databases[0] ?? 0) };
}

function readConnection(given: unknown): Connection {
  const connection = aConnection(given, 'server');
  const { db = 0, keyPrefix, path = '', redisOptions = {} } = optionsOf(connection);
  if (keyPrefix || redisOptions.keyPrefix) throw prefixed('server');
  if (!isDatabase(String(db))) throw invalid('server.options.db', aDatabase, db);
  if (connection.isCluster && ![undefined, 0].includes(redisOptions.db)) {
    throw new ValidationError('server.options.redisOptions.db must be 0, or absent: a cluster has no other database');
  }
  // ioredis takes an address with a scheme that it does not know for the path of a socket, with the password in it.
  if (path.startsWith('//')) {
    throw new ValidationError('server must be made from an address that begins with redis:// or rediss://');
  }
  return connection;
}

function optionsOf(connection: Connection): Given {
  return Object((connection as { readonly options?: unknown }).options) as Given;
}

/** Whether a server can have a database of this number; how many there are is the server's to say. */
function isDatabase(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) < 2 ** 31;
}

function prefixed(field: string): ValidationError {
  return new ValidationError(`${field} must have no keyPrefix: the option prefix names the keys of a fleet`);
}
