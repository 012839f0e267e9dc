import type { LimitStore, PlaceRequest } from 'orchestrator/limits';

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
