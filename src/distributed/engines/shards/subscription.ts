import { callAfter, type LongTimer } from '../../../shared/long-timer.js';
import type { Engine, StatusChange } from '../../contracts.js';

/** Milliseconds before a subscription that failed is tried again. */
const pause = 5_000;

/**
 * Subscribes to the changes of all shards. A shard that fails is subscribed to later.
 *
 * @returns a function that ends the subscriptions
 * @throws the error of a shard, if all of them fail
 */
export async function subscribeToAll(
  engines: readonly Engine[],
  listener: (change: StatusChange) => void,
): Promise<() => void> {
  const subscriptions = engines.map((engine) => new Subscription(engine, listener));
  const end = () => {
    for (const subscription of subscriptions) subscription.end();
  };
  const tried = await Promise.allSettled(subscriptions.map((subscription) => subscription.begin()));
  const failed = tried.filter((one) => one.status === 'rejected');
  if (failed.length < tried.length) return end;
  end();
  throw failed[0]?.reason;
}

/** A subscription to one shard, which is tried again until it succeeds or is ended. */
class Subscription {
  #isEnded = false;
  #end: (() => void) | undefined = undefined;
  #again: LongTimer | undefined = undefined;

  constructor(
    private readonly engine: Engine,
    private readonly listener: (change: StatusChange) => void,
  ) {}

  async begin(): Promise<void> {
    try {
      const end = await this.engine.subscribe(this.listener);
      if (this.#isEnded) end();
      else this.#end = end;
    } catch (error) {
      if (!this.#isEnded) this.#again = callAfter(pause, () => void this.begin().catch(() => undefined)).unref();
      throw error;
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#again?.cancel();
    this.#end?.();
  }
}
