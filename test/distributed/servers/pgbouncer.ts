import { writeFileSync } from 'node:fs';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import type { PostgresServer } from './postgres.js';
import { temporaryDirectory } from './reaper.js';
import { launch, type Server } from './server.js';

/** `describe` for tests that need `pgbouncer`: skipped without it, with a name that says so. */
export function describeWithPgbouncer(name: string, tests: () => void): void {
  describeWith('pgbouncer', name, tests);
}

export interface Pgbouncer extends Server {
  /** Returns the address of a database through the pooler. */
  urlOf(databaseUrl: string): string;
}

/**
 * Starts a pooler in front of a server. It gives each client, transaction or statement one of 40 connections to the
 * server.
 */
export async function startPgbouncer(
  server: PostgresServer,
  mode: 'session' | 'transaction' | 'statement',
): Promise<Pgbouncer> {
  const { pgbouncer = '', postgres } = inject('found');
  const user = postgres?.user;
  const directory = await temporaryDirectory(postgres?.temporary);
  const { username, password } = new URL(server.url);
  const users = join(directory, 'users.txt');
  await writeFile(users, `"${username}" "${password}"\n`);
  const configuration = join(directory, 'pgbouncer.ini');
  const ini = (port: number) => `
[databases]
* = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = 40
max_client_conn = 400
server_login_retry = 1
`;
  // pgbouncer refuses to run as root.
  if (user !== undefined) await Promise.all([directory, users].map((path) => chown(path, user.uid, user.gid)));
  const bouncer = await launch({
    command: pgbouncer,
    args: (port) => {
      writeFileSync(configuration, ini(port));
      return [configuration];
    },
    directory,
    ready: /process up/,
    endSignal: 'SIGINT',
    ...(user === undefined ? {} : { user }),
  });
  const urlOf = (databaseUrl: string) => databaseUrl.replace(`:${server.port}/`, `:${bouncer.port}/`);
  return Object.assign(bouncer, { urlOf });
}
