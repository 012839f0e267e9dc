import { Refusal } from '../http/refusal.js';
import type { Watched } from '../views/watched.js';
import { StreamReader } from './reader.js';
import { RunFeeds } from './run-feeds.js';
import { Sources } from './sources.js';

/** Maximum number of concurrent readers. */
const mostReaders = 100;

/** Maximum number of runs that one reader may watch. */
const mostRuns = 100;

/** All open streams. Each state is looked at only while there is a reader, and only once for all readers. */
export class Streams {
  readonly #readers = new Set<StreamReader>();
  readonly #runs: RunFeeds;
  #sources: Sources | undefined = undefined;

  constructor(
    private readonly watched: Watched,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#runs = new RunFeeds(watched.distributed, onError);
  }

  /**
   * Opens a stream.
   *
   * @param runIds - runs whose every change is sent. Default: none
   * @throws {Refusal} if too many streams are open or too many runs are given
   */
  open(request: Request, runIds: readonly string[] = []): Response {
    const runs = new Set(runIds);
    if (runs.size > mostRuns) throw new Refusal('invalid', `run may be given at most ${mostRuns} times`);
    if (this.#readers.size >= mostReaders) {
      throw new Refusal('unavailable', `all ${mostReaders} streams are in use: close another page of this dashboard`);
    }
    const reader = new StreamReader(request, (gone) => this.#leave(gone, runs));
    if (!reader.isClosed) this.#enter(reader, runs);
    return reader.response;
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }

  /**
   * Adds a reader and sends it all current states, because a reader that reconnects does not know what has changed in
   * the meantime.
   */
  #enter(reader: StreamReader, runIds: ReadonlySet<string>): void {
    this.#readers.add(reader);
    this.#sources ??= new Sources(this.watched, this.#readers, this.#runs, this.onError);
    if (this.watched.distributed !== undefined) reader.tellOfRuns();
    for (const { name, last } of this.#sources.feeds) if (last !== undefined) reader.tell(name, last);
    for (const runId of runIds) this.#runs.enter(reader, runId);
    this.#sources.touchAll();
  }

  #leave(reader: StreamReader, runIds: ReadonlySet<string>): void {
    this.#readers.delete(reader);
    for (const runId of runIds) this.#runs.leave(reader, runId);
    if (this.#readers.size > 0) return;
    this.#sources?.close();
    this.#sources = undefined;
  }
}
