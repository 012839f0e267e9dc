import { detached } from '../kernel/process.js';
import type { LimitStore, SharedPlace } from './store.js';

/** The places that a limit holds in this program. A single timer renews all of them, while there are any. */
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

  /** A renewal that fails is repeated by the next. */
  #renew(): void {
    this.store.renew([...this.#places], this.lease).catch(() => {});
  }
}
