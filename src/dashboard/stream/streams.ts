import { Refusal } from '../http/refusal.js';
import type { Watched } from '../views/watched.js';
import { StreamReader } from './reader.js';
import { RunFeeds } from './run-feeds.js';
import { Sources } from './sources.js';

/** How many may read at the same time. */
const mostReaders = 100;

/** How many runs one may watch closely. */
const mostRuns = 100;

/** All who read what happens. However many they are, each thing is looked at once; and only while somebody reads. */
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
   * A new stream.
   *
   * @param runIds - the runs of which everything is told. Default: none
   * @throws {Refusal} where there are as many as there may be
   */
  open(request: Request, runIds: readonly string[] = []): Response {
    const runs = new Set(runIds);
    if (runs.size > mostRuns) throw new Refusal('invalid', `run may be given ${mostRuns} times at most`);
    if (this.#readers.size >= mostReaders) {
      throw new Refusal('unavailable', `${mostReaders} streams are read already, as many as there may be`);
    }
    const reader = new StreamReader(request, (gone) => this.#leave(gone, runs));
    if (!reader.isClosed) this.#enter(reader, runs);
    return reader.response;
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }

  /** Whoever comes, or comes back, does not know what has changed meanwhile. */
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
