/** A place of one attempt in a shared limit. */
export interface SharedPlace {
  /** Name of the limit. */
  readonly limit: string;
  /** Key of the limit, `''` for a limit without keys. */
  readonly key: string;
  /** Id of the place, unique over all programs. */
  readonly id: string;
}

/** A request for a place. */
export interface PlaceRequest extends SharedPlace {
  /** Maximum number of places at the same time, or Infinity. */
  readonly concurrency: number;
  /** Maximum cost within `per` milliseconds, or Infinity. */
  readonly rate: number;
  /** Length of the window, in milliseconds. */
  readonly per: number;
  /** Cost of the attempt. */
  readonly cost: number;
  /** Milliseconds after which the place is free again, unless it is renewed. */
  readonly lease: number;
}

/**
 * A store of limits that several programs share. All times are those of the store. `redisLimits` and `postgresLimits`
 * make one; implement it for another database.
 */
export interface LimitStore extends AsyncDisposable {
  /**
   * Takes a place, if concurrency, window and pause allow it. Atomic: two programs never get the same room.
   *
   * @returns 0 if the place is taken, else the milliseconds until it may be there, or Infinity if another attempt has
   *   to end first
   */
  take(request: PlaceRequest): Promise<number>;
  /** Gives a place back. */
  release(place: SharedPlace): Promise<void>;
  /** Keeps places for another `lease` milliseconds. */
  renew(places: readonly SharedPlace[], lease: number): Promise<void>;
  /** Closes a limit, or one key of it, for the given milliseconds. A longer pause that is set already stays. */
  pause(limit: string, key: string, milliseconds: number): Promise<void>;
  /** Ends connections that the store has opened itself. Clients that it was given stay open. */
  close(): Promise<void>;
}
