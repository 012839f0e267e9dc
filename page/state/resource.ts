import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { on } from './live.js';
import { get, RequestError } from './request.js';
import { token } from './session.js';
import { useStore } from './store.js';

/** Answers by path, so that a view that is opened again has content at once. The oldest answers are dropped. */
const seen = new Map<string, unknown>();
const mostSeen = 24;

export interface Resource<Answer> {
  readonly data: Answer | undefined;
  readonly error: RequestError | undefined;
  readonly isLoading: boolean;
  /** Reads again, at most once per `interval`. Several requests within the interval are combined. */
  readonly reload: () => void;
  readonly change: (change: (data: Answer) => Answer) => void;
}

interface State<Answer> {
  readonly path: string;
  readonly data: Answer | undefined;
  readonly error: RequestError | undefined;
  readonly isLoading: boolean;
}

/**
 * Reads a path of the API, and reads it again after each reconnection and each change of token.
 *
 * @param interval - minimum number of milliseconds between two requests. Default: 500
 */
export function useResource<Answer>(path: string, { interval = 500 } = {}): Resource<Answer> {
  const [state, setState] = useState<State<Answer>>(() => beginning<Answer>(path));
  const current = state.path === path ? state : beginning<Answer>(path);
  const given = useStore(token);
  const reading = useRef<Reading | undefined>(undefined);
  const load = useCallback(
    async (signal: AbortSignal) => {
      try {
        const data = await get<Answer>(path, signal);
        if (signal.aborted) return;
        keep(path, data);
        setState({ path, data, error: undefined, isLoading: false });
      } catch (error) {
        if (signal.aborted) return;
        const problem = error instanceof RequestError ? error : new RequestError(String(error), 'internal');
        setState((last) => ({
          path,
          data: last.path === path ? last.data : undefined,
          error: problem,
          isLoading: false,
        }));
      }
    },
    [path],
  );
  // A different token may give access to different data, so everything is read again.
  useEffect(() => {
    const begun = new Reading(load, interval);
    reading.current = begun;
    begun.ask();
    const end = on('reconnected', () => begun.ask());
    return () => {
      end();
      begun.end();
    };
  }, [load, interval, given]);
  const reload = useCallback(() => reading.current?.ask(), []);
  const change = useCallback(
    (apply: (data: Answer) => Answer) => {
      setState((last) => (last.path === path && last.data !== undefined ? { ...last, data: apply(last.data) } : last));
    },
    [path],
  );
  return { data: current.data, error: current.error, isLoading: current.isLoading, reload, change };
}

function beginning<Answer>(path: string): State<Answer> {
  return { path, data: seen.get(path) as Answer | undefined, error: undefined, isLoading: true };
}

function keep(path: string, data: unknown): void {
  seen.delete(path);
  seen.set(path, data);
  const [oldest] = seen.keys();
  if (seen.size > mostSeen && oldest !== undefined) seen.delete(oldest);
}

/** Runs one request at a time, with a pause after each. Requests that arrive in the meantime are combined into one. */
class Reading {
  readonly #controller = new AbortController();
  #isBusy = false;
  #isAsked = false;

  constructor(
    private readonly load: (signal: AbortSignal) => Promise<void>,
    private readonly interval: number,
  ) {}

  ask(): void {
    if (this.#isBusy) this.#isAsked = true;
    else void this.#run();
  }

  end(): void {
    this.#controller.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#controller;
    this.#isBusy = true;
    do {
      this.#isAsked = false;
      const pause = new Promise((resolve) => setTimeout(resolve, this.interval));
      await this.load(signal);
      await pause;
    } while (this.#isAsked && !signal.aborted);
    this.#isBusy = false;
  }
}
