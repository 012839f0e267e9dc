import { callAfter } from '../../shared/long-timer.js';

/** The waits of a loop. A request to pause, end or replay interrupts the current wait. */
export class Attention {
  /** If true, a request has to be handled before the next iteration. */
  isWanted = false;
  #wake: (() => void) | undefined = undefined;

  /** Announces a request, and interrupts the current wait. */
  ask(): void {
    this.isWanted = true;
    this.#wake?.();
  }

  /** Waits until a request is announced. */
  asked(): Promise<void> {
    if (this.isWanted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Waits until `ready` resolves or a request is announced. */
  until(ready: Promise<void>): Promise<void> {
    if (this.isWanted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      void ready.then(resolve);
    });
  }

  /** Waits for the given milliseconds, or until a request is announced. Time during which the machine sleeps counts. */
  sleep(milliseconds: number): Promise<void> {
    if (this.isWanted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = callAfter(milliseconds, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Waits for the given milliseconds as long as `goesOn` returns true. Requests do not interrupt the wait. */
  async sleepWhile(milliseconds: number, goesOn: () => boolean): Promise<void> {
    const until = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0 && goesOn(); left = until - performance.now()) {
      this.isWanted = false;
      await this.sleep(left);
    }
    this.isWanted = true;
  }
}
