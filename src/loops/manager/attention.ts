import { callAfter } from '../../shared/long-timer.js';

/** How a loop waits, so that it can be asked for something meanwhile: to pause, to end, to replay. */
export class Attention {
  /** Whether something is to be seen to before the next iteration. */
  isWanted = false;
  #wake: (() => void) | undefined = undefined;

  /** Something is to be seen to: who waits waits no longer. */
  ask(): void {
    this.isWanted = true;
    this.#wake?.();
  }

  /** Waits until something is asked for. */
  asked(): Promise<void> {
    if (this.isWanted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Waits until it is ready, or something is asked for. */
  until(ready: Promise<void>): Promise<void> {
    if (this.isWanted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      void ready.then(resolve);
    });
  }

  /** Waits until the time has passed, or something is asked for. Time for which the machine sleeps counts. */
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

  /** Waits until the time has passed, whatever is asked for, as long as `goesOn` holds. */
  async sleepWhile(milliseconds: number, goesOn: () => boolean): Promise<void> {
    const until = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0 && goesOn(); left = until - performance.now()) {
      this.isWanted = false;
      await this.sleep(left);
    }
    this.isWanted = true;
  }
}
