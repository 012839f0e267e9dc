export { MissingPeerError } from '../shared/peers.js';
export { LimitStoreError } from './errors.js';
export { limit, type SharedLimitOptions } from './limit.js';
export { type PostgresClient, type PostgresPool, postgresLimits } from './postgres.js';
export { type RedisClient, redisLimits } from './redis.js';
export type { LimitStore, PlaceRequest, SharedPlace } from './store.js';
