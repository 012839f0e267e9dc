import type * as Bull from 'bullmq';
import type { Redis } from 'ioredis';
import { isCluster } from './connections.js';
import type { Connection } from './scripts.js';

/** Facts about a server, taken from its `INFO`. */
export interface ServerInfo {
  readonly version: string;
  readonly databaseType: Bull.DatabaseType;
  /** If true, the server is a node of a cluster. */
  readonly isInCluster: boolean;
  /** If false, the user of the address lacks the right to read `INFO`. */
  readonly isKnown: boolean;
  /** The server's `maxmemory_policy`. `undefined` if unknown. */
  readonly evictionPolicy: string | undefined;
}

/** The oldest supported version. Also assumed if the access rules of a server hide its version. */
const leastVersion = '6.2.0';

/** Returns the facts about each master of a cluster, or about the single server. */
export async function serversOf(connection: Connection): Promise<readonly ServerInfo[]> {
  if (!isCluster(connection)) return [await infoOf(connection)];
  // After its first answer, the client knows the nodes.
  await connection.ping();
  return await Promise.all(connection.nodes('master').map(infoOf));
}

export async function infoOf(connection: Redis): Promise<ServerInfo> {
  try {
    return readInfo(await connection.info());
  } catch (error) {
    // `NOPERM` means that the user of the address lacks the right to read `INFO`.
    if (!String(Object(error).message).startsWith('NOPERM')) throw error;
    await connection.ping();
    return readInfo('');
  }
}

export function readInfo(text: string): ServerInfo {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) found.set(line.slice(0, colon), line.slice(colon + 1));
  }
  const kind = (['dragonfly', 'valkey'] as const).find((name) => found.has(`${name}_version`));
  return {
    version: found.get(`${kind ?? 'redis'}_version`) ?? leastVersion,
    databaseType: kind ?? 'redis',
    isKnown: text !== '',
    isInCluster: found.get('redis_mode') === 'cluster',
    evictionPolicy: found.get('maxmemory_policy'),
  };
}

/** Returns true if the server is older than the oldest supported version. */
export function isOld({ version, databaseType }: ServerInfo): boolean {
  return databaseType === 'redis' && version.localeCompare(leastVersion, 'en', { numeric: true }) < 0;
}
