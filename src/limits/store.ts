/** The place of one attempt in a shared limit. */
export interface SharedPlace {
  /** Name of the limit. */
  readonly limit: string;
  /** Key of the limit. `''` for a limit without keys. */
  readonly key: string;
  /** Id of the place, unique across all programs. */
  readonly id: string;
}

/** A request for a place. */
export interface PlaceRequest extends SharedPlace {
  /** Maximum number of places at the same time, or Infinity. */
  readonly concurrency: number;
  /** Maximum total cost within `per` milliseconds, or Infinity. */
  readonly rate: number;
  /** Length of the window, in milliseconds. */
  readonly per: number;
  /** Cost of the attempt. */
  readonly cost: number;
  /** Milliseconds after which the place becomes free again, unless it is renewed. */
  readonly lease: number;
  /** Milliseconds since the attempt asked for the first time. */
  readonly waited: number;
}

/**
 * A store of limits that several programs share. All times are those of the store's clock. Created by `redisLimits` or
 * `postgresLimits`; implement the interface to use another database.
 *
 * Every method must settle in a bounded time, even if the server hangs. A rejection means that the store cannot be used
 * at the moment: the attempt asks again, or fails, as its limit says.
 */
export interface LimitStore extends AsyncDisposable {
  /**
   * Takes a place if concurrency, window and pause allow it. Must be atomic: two programs must never get the same
   * place. If the answer to a request was lost, the request comes again with the same id. A place that the id already
   * has is then replaced.
   *
   * Programs do not starve each other if the store serves a request that has waited for long before younger ones.
   *
   * @returns 0 if the place was taken, otherwise the milliseconds until a place may be free, or Infinity if another
   *   attempt has to end first
   */
  take(request: PlaceRequest): Promise<number>;
  /**
   * Releases a place, if there is one.
   *
   * @param refund - the cost to take out of the window again, because no attempt has started in the place. Default: 0
   */
  release(place: SharedPlace, refund?: number): Promise<void>;
  /**
   * Extends the lease of places to the given milliseconds from now. A place whose lease has ended is taken again, because
   * its attempt still runs.
   */
  renew(places: readonly SharedPlace[], lease: number): Promise<void>;
  /**
   * Pauses a limit, or one key of it, for the given milliseconds. A longer pause that is already set stays in force.
   */
  pause(limit: string, key: string, milliseconds: number): Promise<void>;
  /**
   * Closes the connections that the store has opened itself. Clients passed to the store stay open. Attempts that wait
   * for a place fail with a `LimitStoreError`, also those that come later.
   */
  close(): Promise<void>;
}
