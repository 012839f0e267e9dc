import { mkdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type * as PGliteModule from '@electric-sql/pglite';
import { lockDirectory } from '../../../shared/directory-lock.js';
import { loadPeers } from '../../../shared/peers.js';
import { aName } from '../../../shared/validate.js';
import type { DisposableEngine } from '../../contracts.js';
import { type EngineOptions, readEngineOptions } from '../options.js';
import type { Database } from './database.js';
import { LivingPGlite } from './living-pglite.js';
import { PGliteDatabase, type PGliteLike } from './pglite-database.js';
import { SqlEngine } from './sql-engine.js';

/** The open databases by directory. The orchestrators and workers of this program share them. */
const opened = new Map<string, { readonly database: Promise<PGliteDatabase>; users: number }>();

/**
 * Creates an engine on PostgreSQL inside this program, with its data in a directory. Acknowledged data survives a
 * crash. Only one process at a time can open the directory, but any number of engines in that process can share it.
 * While another process has the directory open, calls reject with a `LockedError`. Needs the packages `bullmq` and
 * `@electric-sql/pglite`. The first start takes a few seconds.
 *
 * @param directory - created if it does not exist
 * @param options - `prefix` and timeouts; see `EngineOptions`. The default of `connectTimeout` is 60000 here
 * @throws {ValidationError} if an option is invalid
 *
 * @example
 * const engine = pglite('./data');
 */
export function pglite(directory: string, options: EngineOptions = {}): DisposableEngine {
  const path = resolve(aName(directory, 'directory'));
  const read = readEngineOptions({ connectTimeout: 60_000, ...options });
  const name = `pglite in ${path}`;
  // With a single connection, a second batch in flight would only wait for the first.
  return new SqlEngine({ name, options: read, width: 1, open: () => open(name, path) });
}

async function open(name: string, path: string): Promise<Database> {
  await mkdir(path, { recursive: true });
  const directory = await realpath(path);
  const known = opened.get(directory);
  const entry = known ?? { database: start(name, directory), users: 0 };
  if (known === undefined) opened.set(directory, entry);
  entry.users++;
  const letGo = async () => {
    if (--entry.users > 0) return;
    opened.delete(directory);
    await (await entry.database).end();
  };
  try {
    return (await entry.database).shared(letGo);
  } catch (error) {
    entry.users--;
    opened.delete(directory);
    throw error;
  }
}

async function start(name: string, directory: string): Promise<PGliteDatabase> {
  const { '@electric-sql/pglite': module } = await loadPeers<{ '@electric-sql/pglite': typeof PGliteModule }>(name, [
    '@electric-sql/pglite',
  ]);
  const unlock = await lockDirectory(directory);
  try {
    const create = async () => (await module.PGlite.create({ dataDir: directory })) as unknown as PGliteLike;
    return await PGliteDatabase.over(await LivingPGlite.open(directory, create), unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}
