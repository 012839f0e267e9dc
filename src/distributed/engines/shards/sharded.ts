import type { Engine, OnShardError } from '../../contracts.js';
import type { ShardMap } from './shard-map.js';

/** The access of the stores to the shards of their engine. */
export interface Sharded {
  readonly shards: ShardMap;
  /**
   * Asks all shards at the same time, and returns their answers in order.
   *
   * @param onError - called with an error for each shard that does not answer. Default: the call rejects
   * @throws {EngineError} if a shard does not answer and `onError` is not given, or if no shard answers
   */
  gathered<Answer>(question: (engine: Engine) => Promise<Answer>, onError?: OnShardError): Promise<Answer[]>;
}
