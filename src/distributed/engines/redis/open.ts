import type * as Bull from 'bullmq';
import type * as IoRedis from 'ioredis';
import type { Cancellation } from '../../../kernel/cancellation.js';
import { loadPeers } from '../../../shared/peers.js';
import { EngineError } from '../../errors.js';
import { persistently } from '../persistence.js';
import { Connections, type ConnectionTimes, isCluster, type Source } from './connections.js';
import type { Connection } from './scripts.js';
import { infoOf, isOld, type ServerInfo, serversOf } from './server-info.js';
import { judgeRedis } from './transient.js';

/** The connections and facts that an open engine works with. */
export interface Opened {
  readonly connections: Connections;
  /** The connection for everything except the queue and subscriptions. */
  readonly connection: Connection;
  readonly server: ServerInfo;
  readonly bull: typeof Bull;
}

export interface OpenOptions extends ConnectionTimes {
  /** Kind and address of the engine, for messages. */
  readonly name: string;
  readonly source: Source;
  readonly allowEviction: boolean;
  readonly warn: (warning: Error) => void;
  /** Aborts the attempt when its result is no longer needed. */
  readonly until: Cancellation;
  /**
   * Receives a function that ends the attempt. The function returns the reason why no connection can be made, or
   * `undefined` if the reason is unknown.
   */
  readonly onAttempt: (end: () => unknown) => void;
}

/**
 * Connects to a server and checks that it is suitable. A server that evicts keys when its memory is full would lose
 * runs.
 *
 * @throws {EngineError} if the server cannot be used
 */
export async function open({
  name,
  source,
  allowEviction,
  warn,
  until,
  onAttempt,
  ...times
}: OpenOptions): Promise<Opened> {
  const { ioredis, bullmq: bull } = await loadPeers<{ bullmq: typeof Bull; ioredis: typeof IoRedis }>('redis', [
    'bullmq',
    'ioredis',
  ]);
  const connections = new Connections(ioredis, source, times);
  const unreached = () => connections.failure;
  onAttempt(() => {
    const failure = unreached();
    connections.close();
    return failure;
  });
  const timeout = times.connectTimeout;
  const explain = (error: unknown) => connections.explain(error);
  const patiently = <Answer>(work: () => Promise<Answer>) =>
    persistently({ name, timeout, judge: judgeRedis, explain, unreached, until }, async () => {
      if (connections.isClosed) throw new EngineError(name, 'was closed: create a new engine', { reason: 'closed' });
      return await work();
    });
  try {
    let connection = connections.make('commands');
    if (!isCluster(connection)) {
      const first = connection;
      const { db } = first.options;
      // Selects the database again to see the reply, because ioredis does not wait for the reply before version 6.
      if (db) await patiently(() => first.select(db));
      const { isInCluster } = await patiently(() => infoOf(first));
      if (isInCluster) {
        connections.drop(connection);
        // ioredis does not select a database on a cluster, though some clusters have more than one.
        if (db) throw unsuitable(name, 'is a cluster, so only database 0 can be used: remove the database number');
        connections.becomeCluster(first.options);
        connection = connections.make('commands');
      }
    }
    const servers = await patiently(() => serversOf(connection));
    if (!servers.every(({ isKnown }) => isKnown)) connections.askNothing();
    check(name, servers, allowEviction, warn);
    return { connections, connection, server: servers[0] as ServerInfo, bull };
  } catch (error) {
    connections.close();
    throw error;
  }
}

function check(
  name: string,
  servers: readonly ServerInfo[],
  allowEviction: boolean,
  warn: (warning: Error) => void,
): void {
  const old = servers.find(isOld);
  if (old !== undefined) warn(unsuitable(name, `is of version ${old.version}, expected 6.2 or later: update it`));
  const policies = servers.map(({ evictionPolicy = 'noeviction' }) => evictionPolicy);
  const policy = policies.find((found) => found !== 'noeviction');
  if (policy === undefined) return;
  const problem = `loses runs when its memory is full, because its maxmemory-policy is ${policy}`;
  if (!allowEviction) {
    throw unsuitable(
      name,
      `${problem}: set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in the server's configuration), ` +
        'or pass allowEviction: true if runs may be lost',
    );
  }
  warn(unsuitable(name, `${problem}: set it to noeviction`));
}

function unsuitable(name: string, problem: string): EngineError {
  return new EngineError(name, problem, { reason: 'unsuitable' });
}
