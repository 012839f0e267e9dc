import { detached } from '../kernel/scope/process.js';
import { unref } from '../shared/unref.js';
import type { LimitStore, SharedPlace } from './store.js';

/** The places of a limit that this program holds. While there are any, a single timer renews them all. */
export class Leases {
  readonly #places = new Set<SharedPlace>();
  #timer: NodeJS.Timeout | undefined = undefined;
  /** The renewal that is under way. */
  #renewal: Promise<void> | undefined = undefined;

  constructor(
    private readonly store: LimitStore,
    private readonly lease: number,
  ) {}

  add(place: SharedPlace): void {
    this.#places.add(place);
    this.#timer ??= unref(detached(() => setInterval(() => this.#renew(), this.lease / 3)));
  }

  /**
   * Stops renewing a place.
   *
   * @returns the renewal that is under way and may still extend the lease of the place, if any
   */
  delete(place: SharedPlace): Promise<void> | undefined {
    this.#places.delete(place);
    if (this.#places.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    return this.#renewal;
  }

  /** Renews all places. A failure is ignored, because the next renewal tries again. */
  #renew(): void {
    this.#renewal ??= this.store
      .renew([...this.#places], this.lease)
      .catch(() => {})
      .finally(() => {
        this.#renewal = undefined;
      });
  }
}
