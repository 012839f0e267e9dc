import type { RunStatus, StatusChange } from '../../distributed/index.js';
import type { StreamEvents } from '../api/index.js';
import { respond } from '../http/responses.js';

/** Milliseconds between two sendings at least. */
const pace = 250;

/** After how many milliseconds a browser that was cut off comes back. */
const comeBack = 1_000;

/** How many runs are told of one by one. */
const mostRuns = 200;

const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };

/**
 * Somebody who reads a stream, however slowly. What is to be told waits here, the last of each name, until it can be sent:
 * so what is kept for a reader is bounded, and a slow one gets fewer events, each of them as new as can be.
 */
export class StreamReader {
  /** States, as text, by the names of their events. */
  readonly #pending = new Map<keyof StreamEvents, string>();
  /** States of the runs that are watched closely, as text, by id. */
  readonly #watched = new Map<string, string>();
  readonly #runs = new Map<string, RunStatus>();
  #hasMoreRuns = false;
  #sentAt = -Infinity;
  #timer: NodeJS.Timeout | undefined = undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined = undefined;
  #stream: ReadableStream<Uint8Array>;
  readonly #onAbort = () => this.close();

  /**
   * @param request - kept as long as the stream is: a request that nobody has any more does not tell that it was aborted
   * @param onClose - called once, when the reader is gone
   */
  constructor(
    private readonly request: Request,
    private readonly onClose: (reader: StreamReader) => void,
  ) {
    this.#stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        this.#enqueue(`retry: ${comeBack}\n\n`);
      },
      pull: () => this.#schedule(),
      cancel: () => this.#end(),
    });
    request.signal.addEventListener('abort', this.#onAbort);
    if (request.signal.aborted) this.close();
  }

  get response(): Response {
    return respond(this.#stream, { headers });
  }

  get isClosed(): boolean {
    return this.#controller === undefined;
  }

  /** Tells how something stands, in place of what has not been sent yet. */
  tell(name: keyof StreamEvents, state: string): void {
    this.#pending.set(name, state);
    this.#schedule();
  }

  /** Tells of a run that is watched closely. */
  tellOf(runId: string, state: string): void {
    this.#watched.set(runId, state);
    this.#schedule();
  }

  tellRun({ runId, status }: StatusChange): void {
    if (this.#runs.size < mostRuns || this.#runs.has(runId)) this.#runs.set(runId, status);
    else this.#hasMoreRuns = true;
    this.#schedule();
  }

  /** Any number of runs may have changed. */
  tellOfRuns(): void {
    this.#hasMoreRuns = true;
    this.#schedule();
  }

  /** A sign of life, so that whoever is between does not take the connection for dead. */
  beat(): void {
    if (this.#isReady) this.#enqueue(':\n\n');
  }

  close(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#end();
    controller.close();
  }

  get #isReady(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  get #hasNews(): boolean {
    return this.#pending.size > 0 || this.#watched.size > 0 || this.#runs.size > 0 || this.#hasMoreRuns;
  }

  /** While it is not read, nothing is to be done: it is asked for when it is. */
  #schedule(): void {
    if (this.#timer !== undefined || !this.#hasNews || !this.#isReady) return;
    const wait = Math.max(0, this.#sentAt + pace - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isReady) this.#send();
    }, wait);
    this.#timer.unref();
  }

  #send(): void {
    if (this.#runs.size > 0 || this.#hasMoreRuns) {
      const changed = [...this.#runs].map(([runId, status]) => ({ runId, status }));
      const runs: StreamEvents['runs'] = { changed, hasMore: this.#hasMoreRuns };
      this.#pending.set('runs', JSON.stringify(runs));
    }
    const watched = [...this.#watched.values()].map((state) => ['run', state] as const);
    const text = [...this.#pending, ...watched].map(([name, state]) => `event: ${name}\ndata: ${state}\n\n`).join('');
    this.#pending.clear();
    this.#watched.clear();
    this.#runs.clear();
    this.#hasMoreRuns = false;
    this.#sentAt = performance.now();
    this.#enqueue(text);
  }

  #enqueue(text: string): void {
    this.#controller?.enqueue(Buffer.from(text));
  }

  #end(): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    clearTimeout(this.#timer);
    this.#pending.clear();
    this.#watched.clear();
    this.#runs.clear();
    this.request.signal.removeEventListener('abort', this.#onAbort);
    this.onClose(this);
  }
}
