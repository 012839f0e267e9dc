import type { LoopEnd, LoopState } from '../health.js';
import type { LoopHost } from '../host.js';

/** The state of a loop and its last error. Reports each change of state to the host. */
export class Standing {
  /** The error that ended, paused or restarted the loop. */
  error: Error | undefined = undefined;
  #state: LoopState = 'stopped';
  #hasEnded = false;

  constructor(private readonly host: Pick<LoopHost, 'report'>) {}

  get state(): LoopState {
    return this.#state;
  }

  /** If true, the loop has ended, or has not been started yet. */
  get isOver(): boolean {
    return this.#state === 'stopped' || this.#state === 'error';
  }

  become(state: LoopState, error?: Error): void {
    // After the loop has ended, ignore the results of an abandoned node.
    if (this.#state === state || (this.#hasEnded && state !== 'stopped' && state !== 'error')) return;
    this.#state = state;
    this.host.report({ type: 'state', state, ...(error === undefined ? {} : { error }) });
  }

  end({ reason, error }: LoopEnd): void {
    this.error = error ?? this.error;
    this.become(reason === 'error' ? 'error' : 'stopped', error);
    this.#hasEnded = true;
  }
}
