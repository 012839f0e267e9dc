import type { Stream } from '../options.js';

/**
 * Writes to a stream whose reader may close it. Errors of the stream are ignored, so that they do not crash the script.
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

  /** Releases the stream after everything is written. */
  close(): void {
    const release = () => this.stream.off('error', this.#onError);
    if (this.#isGone || !this.stream.writable) release();
    else this.stream.write('', release);
  }
}
