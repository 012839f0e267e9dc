import { detached } from '../kernel/process.js';
import type { LimitStore, SharedPlace } from './store.js';

/** The places of a limit that this program holds. While there are any, a single timer renews them all. */
export class Leases {
  readonly #places = new Set<SharedPlace>();
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    private readonly store: LimitStore,
    private readonly lease: number,
  ) {}

  add(place: SharedPlace): void {
    this.#places.add(place);
    this.#timer ??= detached(() => setInterval(() => this.#renew(), this.lease / 3)).unref();
  }

  delete(place: SharedPlace): void {
    this.#places.delete(place);
    if (this.#places.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Renews all places. A failure is ignored, because the next renewal tries again. */
  #renew(): void {
    this.store.renew([...this.#places], this.lease).catch(() => {});
  }
}
