import type { RunStatus, StatusChange } from '../../distributed/index.js';
import type { StreamEvents } from '../api/index.js';
import { respond } from '../http/responses.js';

/** Minimum number of milliseconds between two writes. */
const pace = 250;

/** Milliseconds after which a disconnected browser reconnects. */
const comeBack = 1_000;

/** Maximum number of runs that one event lists. */
const mostRuns = 200;

const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };

/**
 * A client that reads a stream. Events wait here until they can be sent; only the newest of each name is kept. Memory
 * per reader is therefore bounded, and a slow reader gets fewer but current events.
 */
export class StreamReader {
  /** Waiting states as JSON text, by event name. */
  readonly #pending = new Map<keyof StreamEvents, string>();
  /** Waiting states of the watched runs as JSON text, by run id. */
  readonly #watched = new Map<string, string>();
  readonly #runs = new Map<string, RunStatus>();
  #hasMoreRuns = false;
  #sentAt = -Infinity;
  #timer: NodeJS.Timeout | undefined = undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined = undefined;
  #stream: ReadableStream<Uint8Array>;
  readonly #onAbort = () => this.close();

  /**
   * @param request - referenced as long as the stream is open: a garbage-collected request would not report its abort
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

  /** Queues a state. A state of the same name that has not been sent yet is replaced. */
  tell(name: keyof StreamEvents, state: string): void {
    this.#pending.set(name, state);
    this.#schedule();
  }

  /** Queues the state of a watched run. */
  tellOf(runId: string, state: string): void {
    this.#watched.set(runId, state);
    this.#schedule();
  }

  tellRun({ runId, status }: StatusChange): void {
    if (this.#runs.size < mostRuns || this.#runs.has(runId)) this.#runs.set(runId, status);
    else this.#hasMoreRuns = true;
    this.#schedule();
  }

  /** Queues the notice that any number of runs may have changed. */
  tellOfRuns(): void {
    this.#hasMoreRuns = true;
    this.#schedule();
  }

  /** Sends a keep-alive message, so that proxies do not consider the connection dead. */
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

  /**
   * Plans the next write. If the client is not reading, nothing is planned, because `pull` calls this method when the
   * client reads again.
   */
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
