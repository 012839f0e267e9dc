/**
 * Growth of a counter per second, measured over at least one second. Only measurements within the first second cover
 * less time.
 */
export class Rate {
  #at = performance.now();
  #count = 0;
  #perSecond: number | undefined = undefined;

  of(count: number): number {
    const now = performance.now();
    const elapsed = now - this.#at;
    if (elapsed < 1_000 && this.#perSecond !== undefined) return this.#perSecond;
    const perSecond = elapsed > 0 ? Math.max(0, ((count - this.#count) / elapsed) * 1_000) : 0;
    if (elapsed < 1_000) return perSecond;
    this.#at = now;
    this.#count = count;
    this.#perSecond = perSecond;
    return perSecond;
  }
}
