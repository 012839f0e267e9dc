import type { Placement, RestartPolicy } from '../definition.js';
import { Restarts } from '../manager/restarts.js';

/** When a loop whose thread or process is gone is made anew, as the policy of its place says. */
export class Recovery {
  readonly #restarts = new Restarts();
  readonly #policy: RestartPolicy;
  #endWait: (() => void) | undefined = undefined;

  constructor(onCrash: Placement['onCrash'] = 'restart') {
    if (onCrash === 'stop') this.#policy = { action: 'restart', limit: 0 };
    else this.#policy = onCrash === 'restart' ? { action: 'restart' } : onCrash;
  }

  /** How often the loop was to be made anew. */
  get total(): number {
    return this.#restarts.total;
  }

  /** The loop has crashed. @returns milliseconds to wait before it is made anew, or nothing where it is not to be */
  take(): number | undefined {
    return this.#restarts.take(this.#policy, performance.now());
  }

  /** Waits the given milliseconds, or until the wait is ended. */
  async wait(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
      this.#endWait = resolve;
    });
    clearTimeout(timer);
    this.#endWait = undefined;
  }

  /** Ends the wait that is under way, if one is. */
  endWait(): void {
    this.#endWait?.();
  }
}
