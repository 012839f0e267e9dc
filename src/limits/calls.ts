import { detached } from '../kernel/scope/process.js';
import { MissingPeerError } from '../shared/peers.js';
import { unref } from '../shared/unref.js';
import { StoreError } from './errors.js';

/** Milliseconds within which a server must answer. */
const patience = 5_000;

/** Milliseconds for which closing waits for calls that are pending. */
const farewell = 1_000;

/**
 * The calls of a store to its server. Every call settles in time, even if the server hangs. Calls belong to no run,
 * because the connections that they open outlive it.
 */
export class Calls {
  readonly #pending = new Set<Promise<unknown>>();
  #isClosed = false;

  /** @param explain - explains an error of the client */
  constructor(private readonly explain: (error: unknown) => StoreError) {}

  /**
   * Makes a call.
   *
   * @param work - its argument is aborted if the server does not answer in time
   * @throws {StoreError} if the call fails, or if the store was closed
   */
  make<Result>(work: (late: AbortSignal) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new StoreError('the store was closed: create a new one', true));
    const call = this.#inTime(work).catch((error) => {
      throw error instanceof MissingPeerError ? error : this.explain(error);
    });
    const settled = () => this.#pending.delete(call);
    this.#pending.add(call);
    call.then(settled, settled);
    return call;
  }

  /** Refuses further calls, and waits for those that are pending. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await soon(Promise.allSettled(this.#pending), farewell);
  }

  #inTime<Result>(work: (late: AbortSignal) => Promise<Result>): Promise<Result> {
    const late = new AbortController();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const silence = Object.assign(new Error(`no answer within ${patience} ms`), { code: 'ETIMEDOUT' });
        late.abort(silence);
        reject(silence);
      }, patience);
      unref(timer);
      detached(() => work(late.signal))
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }
}

/** Resolves when `work` has settled, or after the given milliseconds. */
export async function soon(work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
