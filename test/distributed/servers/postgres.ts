import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { inject } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { removeDirectory, temporaryDirectory } from './reaper.js';
import { launch, type Server } from './server.js';

const execute = promisify(execFile);

export interface PostgresServer extends Server {
  /** Of the database `postgres`. */
  readonly url: string;
  /** A new, empty database. Gives its URL. */
  createDatabase(name: string): Promise<string>;
}

/** `describe` for tests that need Postgres: skipped where it does not run, with a name that says so. */
export function describeWithPostgres(name: string, tests: () => void): void {
  describeWith('postgres', name, tests);
}

/**
 * A Postgres server with room for 200 connections. What is committed outlives a restart, orderly or not: writes reach
 * the operating system, though not the disk (`fsync` is off), which only a crash of the machine would show.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = inject('found').postgres;
  if (programs === undefined)
    throw new Error('Postgres does not run here: declare the tests with describeWithPostgres');
  const { initdb, postgres, user, temporary } = programs;
  const directory = await temporaryDirectory(temporary);
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
