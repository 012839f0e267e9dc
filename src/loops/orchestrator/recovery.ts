import type { Placement, RestartPolicy } from '../definition.js';
import { Restarts } from '../manager/restarts.js';

/** Decides when a crashed loop is restarted, according to the `onCrash` policy of its placement. */
export class Recovery {
  readonly #restarts = new Restarts();
  readonly #policy: RestartPolicy;
  #endWait: (() => void) | undefined = undefined;

  constructor(onCrash: Placement['onCrash'] = 'restart') {
    if (onCrash === 'stop') this.#policy = { action: 'restart', limit: 0 };
    else this.#policy = onCrash === 'restart' ? { action: 'restart' } : onCrash;
  }

  /** Number of restarts after a crash. */
  get total(): number {
    return this.#restarts.total;
  }

  /**
   * Registers a crash.
   *
   * @returns milliseconds to wait before the restart, or undefined if the policy allows no restart
   */
  take(): number | undefined {
    return this.#restarts.take(this.#policy, performance.now());
  }

  /** Waits for the given milliseconds, or until `endWait` is called. */
  async wait(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
      this.#endWait = resolve;
    });
    clearTimeout(timer);
    this.#endWait = undefined;
  }

  /** Ends the current wait, if any. */
  endWait(): void {
    this.#endWait?.();
  }
}
