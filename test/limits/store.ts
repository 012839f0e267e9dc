import { Orchestrator } from 'orchestrator';
import { type LimitStore, limit, type PlaceRequest, type SharedLimitOptions } from 'orchestrator/limits';
import { afterEach } from 'vitest';

/** Returns a function that opens stores. They are closed after each test. */
export function opening<Args extends readonly unknown[]>(open: (...args: Args) => LimitStore) {
  const stores: LimitStore[] = [];
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  return (...args: Args): LimitStore => {
    const store = open(...args);
    stores.push(store);
    return store;
  };
}

const orchestrator = new Orchestrator();

/** Returns an action with a limit of one place in a store. */
export function act(store: LimitStore, options: Partial<SharedLimitOptions> = {}) {
  return orchestrator.action(async () => 'done', {
    limit: limit({ name: 'api', concurrency: 1, store, ...options }),
    name: 'act',
  });
}

/** A request for a place, with defaults. */
export function request(given: Partial<PlaceRequest> & { readonly id: string }): PlaceRequest {
  const rules = { concurrency: Infinity, rate: Infinity, per: 1_000 };
  return { limit: 'n', key: '', cost: 1, lease: 15_000, waited: 0, ...rules, ...given };
}

/** A store in memory with a single place, whose methods can be replaced. */
export function storeOfOne(methods: Partial<LimitStore> = {}): LimitStore & { holder: string | undefined } {
  return {
    holder: undefined,
    async take({ id }) {
      this.holder ??= id;
      return this.holder === id ? 0 : Infinity;
    },
    async release({ id }) {
      if (this.holder === id) this.holder = undefined;
    },
    async renew() {},
    async pause() {},
    async close() {},
    async [Symbol.asyncDispose]() {},
    ...methods,
  };
}
