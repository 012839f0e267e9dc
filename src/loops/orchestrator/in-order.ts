/**
 * Keeps the order of calls that each wait for a value first. The values are awaited side by side, and a value that
 * rejects ends its call at once and holds up no other call.
 */
export class InOrder {
  /** Resolves when every earlier call has entered or failed. */
  #before: Promise<unknown> = Promise.resolve();

  /**
   * Calls `enter` with the value, after the `enter` of every earlier call has begun.
   *
   * @param enter - may return a promise, for which later calls do not wait
   * @returns a promise that settles like `enter`
   * @throws the reason of a value that rejects
   */
  async after<Value>(value: Value | Promise<Value>, enter: (value: Value) => void | Promise<void>): Promise<void> {
    const before = this.#before;
    const entered = Promise.all([value, before]).then(([ready]) => ({ ended: enter(ready) }));
    this.#before = Promise.allSettled([entered, before]).then(() => undefined);
    await (await entered).ended;
  }
}
