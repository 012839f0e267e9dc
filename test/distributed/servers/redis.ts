import { Redis } from 'ioredis';
import { describeWith } from '../../needs/describe-with.js';
import { eventually } from './eventually.js';
import { temporaryDirectory } from './reaper.js';
import { launch, type Server } from './server.js';

export interface RedisServer extends Server {
  readonly url: string;
}

export interface RedisCluster {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The servers of the nodes, in their order. */
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

const command = 'redis-server';

/** `describe` for tests that need `redis-server`: skipped without it, with a name that says so. */
export function describeWithRedis(name: string, tests: () => void): void {
  describeWith(command, name, tests);
}

/** A Redis server. What is written to it outlives a restart only if it is durable: then each write is on the disk. */
export async function startRedis({ durable = false }: { readonly durable?: boolean } = {}): Promise<RedisServer> {
  return start(durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']);
}

/** Three masters that share all slots, each with a third. */
export async function startRedisCluster(): Promise<RedisCluster> {
  // So long that none is taken for dead that others keep from running.
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '60000', '--cluster-announce-ip', '127.0.0.1'];
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

async function start(options: readonly string[]): Promise<RedisServer> {
  const server = await launch({
    command,
    args: (port) => ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...options],
    directory: await temporaryDirectory(),
    ready: /ready to accept connections/i,
    endSignal: 'SIGTERM',
  });
  return Object.assign(server, { url: `redis://127.0.0.1:${server.port}` });
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
