import type * as Bull from 'bullmq';
import type { Redis } from 'ioredis';
import { isCluster } from './connections.js';
import type { Connection } from './scripts.js';

/** What a server tells of itself. */
export interface ServerInfo {
  readonly version: string;
  readonly databaseType: Bull.DatabaseType;
  /** Whether it is a node of a cluster. */
  readonly isInCluster: boolean;
  /** If false, the user of the address may not ask. */
  readonly isKnown: boolean;
  /** What it does when its memory is full; undefined if it does not tell. */
  readonly evictionPolicy: string | undefined;
}

/** The least version that the guide names, for a server that does not tell its own: who has rules for users has this one. */
const leastVersion = '6.2.0';

/** Asks each master of a cluster, or the one server. */
export async function serversOf(connection: Connection): Promise<readonly ServerInfo[]> {
  if (!isCluster(connection)) return [await infoOf(connection)];
  // Nodes are known when the first answer has come.
  await connection.ping();
  return await Promise.all(connection.nodes('master').map(infoOf));
}

export async function infoOf(connection: Redis): Promise<ServerInfo> {
  try {
    return readInfo(await connection.info());
  } catch (error) {
    // The user of the address may not ask.
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

/** If true, a server is older than the guide says. */
export function isOld({ version, databaseType }: ServerInfo): boolean {
  return databaseType === 'redis' && version.localeCompare(leastVersion, 'en', { numeric: true }) < 0;
}
