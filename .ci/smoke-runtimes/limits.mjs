// Claims about limits that several programs share: on a store of one's own, and on Redis.

import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';
import { LimitStoreError, limit, redisLimits } from 'orchestrator/limits';
import { sleep } from './claims.mjs';

/** A store with a single place. */
function storeOfOne() {
  let holder;
  return {
    take: async ({ id }) => {
      holder ??= id;
      return holder === id ? 0 : Infinity;
    },
    release: async ({ id }) => {
      if (holder === id) holder = undefined;
    },
    renew: async () => {},
    pause: async () => {},
    close: async () => {},
  };
}

/** Makes calls in two programs, so to speak, and returns how many of them were running at once. */
async function mostAtOnce(options) {
  let running = 0;
  let most = 0;
  const call = async () => {
    most = Math.max(most, ++running);
    await sleep(5);
    running--;
  };
  const programs = options.map((one) => new Orchestrator().action(call, { limit: limit(one), name: 'call' }));
  await Promise.all(programs.flatMap((program) => [program(), program(), program()]));
  return most;
}

export const sharedLimits = {
  async 'a shared limit asks its store, with keys and leases'() {
    const options = { name: 'own', concurrency: 1, lease: 100, key: () => 'key', store: storeOfOne() };
    assert.equal(await mostAtOnce([options, options]), 1);
    const failing = { ...storeOfOne(), take: () => Promise.reject(new Error('away')) };
    const hasty = limit({ name: 'away', concurrency: 1, store: failing, onStoreError: 'fail' });
    await assert.rejects(new Orchestrator().action(() => 1, { limit: hasty })(), LimitStoreError);
  },
};

/** On the server at the given URL. */
export const redisLimitsOn = (url) => ({
  async 'a limit on Redis is one limit for all stores'() {
    const stores = [redisLimits(url), redisLimits(url)];
    const options = stores.map((store) => ({ name: 'runtimes', concurrency: 2, rate: 100, store }));
    assert.equal(await mostAtOnce(options), 2);
    await Promise.all(stores.map((store) => store.close()));
  },
});
