import type { LoopEnd, LoopState } from '../health.js';
import type { LoopHost } from '../host.js';

/** How a loop stands: its state, and what has gone wrong last. Its host is told of each change. */
export class Standing {
  /** What has ended the loop, or what it is paused or restarted for. */
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
    // A node that was left behind may come to its end.
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
