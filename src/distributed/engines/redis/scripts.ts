import type { Cluster, Redis } from 'ioredis';
import { RedisScript } from '../../../shared/redis-script.js';
import { readAsset } from '../assets.js';

/** A connection to one server or to a cluster. */
export type Connection = Redis | Cluster;

/** A script in files of this folder. */
export class Script extends RedisScript {
  /** @param names - files whose texts are concatenated to form the script */
  constructor(...names: readonly string[]) {
    super(names.map((name) => readAsset(`redis/${name}.lua`)).join('\n'));
  }
}
