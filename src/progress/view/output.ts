import type { Stream } from '../options.js';

/**
 * Writes to a stream whose other end may go away: nobody is there to see any more, and the script is not to fail of
 * that.
 */
export class Output {
  #isGone = false;
  readonly #onError = () => {
    this.#isGone = true;
  };

  constructor(readonly stream: Stream) {
    stream.on('error', this.#onError);
  }

  write(text: string): void {
    if (text === '' || this.#isGone || !this.stream.writable) return;
    this.stream.write(text);
  }

  /** Lets go of the stream, once it has what was written. */
  close(): void {
    const release = () => this.stream.off('error', this.#onError);
    if (this.#isGone || !this.stream.writable) release();
    else this.stream.write('', release);
  }
}
