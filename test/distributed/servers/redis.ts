import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { makeCertificate } from './certificate.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { removeDirectory, temporaryDirectory } from './reaper.js';
import { launch, type Server } from './server.js';

export interface RedisServer extends Server {
  /** The address of the server, with the password, which is required. */
  readonly url: string;
  /** If started with `tls`: a second address of the server, which accepts only TLS. */
  readonly tls?: RedisTls;
}

interface RedisTls {
  readonly port: number;
  /** The address, `rediss://`, with the password. */
  readonly url: string;
  /** The path of the certificate that has signed the server's. Programs trust it by `NODE_EXTRA_CA_CERTS`. */
  readonly ca: string;
}

export interface RedisOptions {
  /** If true, each write waits for the disk before it is answered, so that it survives a restart. Default: false. */
  readonly durable?: boolean;
  /** If true, the server also listens with TLS. Default: false. */
  readonly tls?: boolean;
  /** Further users, each a line of an ACL file without its first word: `app on >secret ~* &* +@all`. Default: none. */
  readonly users?: readonly string[];
  /** Commands that the server does not know. Without `AUTH`, it requires no password. Default: none. */
  readonly without?: readonly string[];
}

export interface RedisCluster {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The servers of the nodes, in order. */
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

const command = 'redis-server';
const inCluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-announce-ip', '127.0.0.1'];

/** `describe` for tests that need `redis-server`: skipped without it, with a name that says so. */
export function describeWithRedis(name: string, tests: () => void): void {
  describeWith(command, name, tests);
}

/** A server that the tests of a suite share. */
export interface RedisOfSuite {
  readonly server: RedisServer;
  readonly client: Redis;
}

/**
 * Starts a server before the tests of a suite, and stops it after them. The returned properties are available while the
 * tests run.
 */
export function redisOfSuite(): RedisOfSuite {
  const shared: { server?: RedisServer; client?: Redis } = {};
  beforeAll(async () => {
    shared.server = await startRedis();
    shared.client = new Redis(shared.server.url);
  }, 60_000);
  afterAll(async () => {
    shared.client?.disconnect();
    await shared.server?.stop();
  });
  return shared as RedisOfSuite;
}

/** Returns how often a command was called since the statistics of the server were reset. */
export async function callsOf(client: Redis, command: string): Promise<number> {
  const found = new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(await client.info('commandstats'));
  return Number(found?.[1] ?? 0);
}

/** Starts a Redis server with a password. */
export async function startRedis({
  durable = false,
  tls = false,
  users = [],
  without = [],
}: RedisOptions = {}): Promise<RedisServer> {
  const password = without.includes('AUTH') ? '' : randomBytes(12).toString('hex');
  const missing = without.flatMap((name) => ['--rename-command', name, '']);
  const accounts = [...missing, '--requirepass', password, ...users.flatMap((user) => ['--user', ...user.split(' ')])];
  const options = [...accounts, ...(durable ? durably : ['--appendonly', 'no'])];
  if (!tls) return start(options, password);
  const [directory, port] = await Promise.all([temporaryDirectory(), freePort()]);
  const files = await certificates(directory);
  const server = await start([...options, '--tls-port', String(port), ...files.options], password, directory);
  const url = `rediss://default:${password}@127.0.0.1:${port}`;
  return Object.assign(server, { tls: { port, url, ca: files.ca } });
}

const durably = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** Creates a certificate for a server, and the options to use it. */
async function certificates(directory: string): Promise<{ readonly ca: string; readonly options: readonly string[] }> {
  try {
    const { key, certificate } = await makeCertificate(directory);
    const names = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
    return { ca: certificate, options: [...names, '--tls-auth-clients', 'no'] };
  } catch (error) {
    await removeDirectory(directory);
    throw error;
  }
}

/** Starts a cluster of three masters, each with a third of all slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const options = inCluster;
  const servers = await Promise.all([start(options), start(options), start(options)]);
  const clients = servers.map(({ port }) => new Redis(port, '127.0.0.1'));
  try {
    await join(clients, servers);
  } finally {
    for (const client of clients) client.disconnect();
  }
  return {
    nodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    servers,
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function start(options: readonly string[], password = '', folder?: string): Promise<RedisServer> {
  const server = await launch({
    command,
    args: (port) => ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...options],
    directory: folder ?? (await temporaryDirectory()),
    ready: /ready to accept connections/i,
    endSignal: 'SIGTERM',
  });
  const user = password === '' ? '' : `default:${password}@`;
  return Object.assign(server, { url: `redis://${user}127.0.0.1:${server.port}` });
}

const slots = 16_384;

async function join(clients: readonly Redis[], servers: readonly RedisServer[]): Promise<void> {
  const share = Math.ceil(slots / clients.length);
  for (const [index, client] of clients.entries()) {
    const first = index * share;
    const length = Math.min(share, slots - first);
    await client.cluster('ADDSLOTS', ...Array.from({ length }, (_, slot) => first + slot));
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  }
  for (const { port } of servers.slice(1)) await clients[0]?.cluster('MEET', '127.0.0.1', port);
  const isJoined = async (client: Redis) => {
    const info = String(await client.cluster('INFO'));
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${servers.length}`);
  };
  await eventually(async () => (await Promise.all(clients.map(isJoined))).every(Boolean), { timeout: 60_000 });
}

/** Gives each master of a cluster a replica, which takes over when the master dies. Resolves when all are ready to. */
export async function addReplicas({ servers: masters }: RedisCluster): Promise<readonly RedisServer[]> {
  const replicas = await Promise.all(masters.map(() => start(inCluster)));
  const clients = [...masters, ...replicas].map(({ url }) => new Redis(url));
  try {
    const [first] = clients as [Redis];
    for (const { port } of replicas) await first.cluster('MEET', '127.0.0.1', port);
    await eventually(
      async () => {
        for (const [index, replica] of clients.slice(masters.length).entries()) {
          await replica.cluster('REPLICATE', String(await clients[index]?.cluster('MYID')));
        }
      },
      { timeout: 30_000, interval: 200 },
    );
    const isReady = async (client: Redis) =>
      String(await client.info('replication')).includes('master_link_status:up') &&
      String(await client.cluster('INFO')).includes('cluster_state:ok');
    const areKnown = async () => String(await first.cluster('NODES')).split(' slave ').length > replicas.length;
    await eventually(
      async () => (await Promise.all([areKnown(), ...clients.slice(masters.length).map(isReady)])).every(Boolean),
      { timeout: 60_000 },
    );
    return replicas;
  } finally {
    for (const client of clients) client.disconnect();
  }
}
