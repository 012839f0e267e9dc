import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { inject } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import type { PostgresPrograms } from '../../needs/postgres.js';
import { makeCertificate } from './certificate.js';
import { removeDirectory, temporaryDirectory } from './reaper.js';
import { launch, type Server } from './server.js';

const execute = promisify(execFile);

export interface PostgresServer extends Server {
  /** The URL of the database `postgres`, with the password, which is required. */
  readonly url: string;
  /** The path of the certificate, if the server accepts only encrypted connections. */
  readonly certificate: string | undefined;
  /** Creates a new, empty database. @returns its URL */
  createDatabase(name: string): Promise<string>;
}

/** `describe` for tests that need Postgres: skipped if Postgres is not available, with a name that says so. */
export function describeWithPostgres(name: string, tests: () => void): void {
  describeWith('postgres', name, tests);
}

/** Options of a Postgres server. */
export interface PostgresOptions {
  /** If true, only encrypted connections are accepted. Default: false. */
  readonly tls?: boolean;
  /** If true, commits wait for the disk (`fsync`). Default: false, which matters only if the machine crashes. */
  readonly durable?: boolean;
  /** The programs to use, outside of tests. */
  readonly programs?: PostgresPrograms | undefined;
}

/** Starts a Postgres server that allows 200 connections. Commits survive a restart, orderly or not. */
export async function startPostgres({
  tls = false,
  durable = false,
  programs = inject('found').postgres,
}: PostgresOptions = {}): Promise<PostgresServer> {
  if (programs === undefined)
    throw new Error('Postgres does not run here: declare the tests with describeWithPostgres');
  const { initdb, postgres, user, temporary } = programs;
  const directory = await temporaryDirectory(temporary);
  const data = join(directory, 'data');
  const password = randomBytes(12).toString('base64url');
  try {
    await writeFile(join(directory, 'password'), password);
    await give(directory, user);
    const layout = ['--username=postgres', '--encoding=UTF8', '--no-locale', '--no-sync'];
    const entry = ['--auth=scram-sha-256', `--pwfile=${join(directory, 'password')}`];
    await execute(initdb, [`--pgdata=${data}`, ...layout, ...entry], { cwd: directory, ...user });
    if (tls) await useCertificate(directory, data, user);
  } catch (error) {
    await removeDirectory(directory);
    throw error;
  }
  const certificate = tls ? join(directory, 'server.crt') : undefined;
  const server = await launch({
    command: postgres,
    args: (port) => ['-D', data, '-p', String(port), ...settingsOf({ tls, durable })],
    directory,
    ready: /database system is ready to accept connections/,
    endSignal: 'SIGINT',
    ...(user === undefined ? {} : { user }),
  });
  const parameters =
    certificate === undefined ? '' : `?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`;
  const url = `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres${parameters}`;
  return Object.assign(server, { url, certificate, createDatabase: (name: string) => createDatabase(url, name) });
}

/** Installs a certificate, and a `pg_hba.conf` that accepts only encrypted connections. */
async function useCertificate(directory: string, data: string, user: PostgresPrograms['user']): Promise<void> {
  const { key, certificate } = await makeCertificate(directory);
  await writeFile(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  await chmod(key, 0o600);
  await Promise.all([key, certificate].map((file) => give(file, user)));
}

async function give(path: string, user: PostgresPrograms['user']): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Creates a pool like a user's. After its end, connections may linger for a moment until the server is stopped. */
export function poolOf(config: pg.PoolConfig): pg.Pool {
  return new pg.Pool(config).on('error', () => {});
}

/** Creates a new, empty database on a server that was started elsewhere. @returns the URL of the database */
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

function settingsOf({ tls, durable }: Required<Pick<PostgresOptions, 'tls' | 'durable'>>): readonly string[] {
  const flag = (is: boolean) => (is ? 'on' : 'off');
  return [
    'max_connections=200',
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'logging_collector=off',
    `fsync=${flag(durable)}`,
    `full_page_writes=${flag(durable)}`,
    ...(tls ? ['ssl=on', 'ssl_cert_file=../server.crt', 'ssl_key_file=../server.key'] : []),
  ].flatMap((setting) => ['-c', setting]);
}
