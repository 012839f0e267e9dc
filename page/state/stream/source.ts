import { createEventSource, type EventSourceClient } from 'eventsource-client';
import type { Connection, News } from './news.js';

/** Maximum delay before the connection is reopened, in milliseconds. */
const longestDelay = 5_000;
/**
 * Milliseconds of silence after which the connection counts as lost. The server sends something at least every 15
 * seconds.
 */
const longestSilence = 45_000;
/** Milliseconds within which the server must answer. */
const longestAnswer = 10_000;
/**
 * Maximum length of the query, in characters, because servers refuse longer addresses. Runs that do not fit into the
 * query report only status changes.
 */
const longestQuery = 6_000;

export interface SourceOptions {
  /** Address of the dashboard, ending with `/`. */
  readonly base: string;
  readonly token: string | undefined;
  readonly tell: (news: News) => void;
}

/**
 * A connection to the server's stream. It is reopened when different runs are watched, and when it is lost. The delay
 * before it is reopened is short at first and doubles with each failure, up to 5 seconds.
 *
 *     connecting ─► live ─► reconnecting ─► live
 *          └────────────┴► unauthorized (until it is reopened)
 */
export class Source {
  #state: Connection = 'connecting';
  #runs: readonly string[] = [];
  #failures = 0;
  #client: EventSourceClient | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: SourceOptions) {}

  get state(): Connection {
    return this.#state;
  }

  /** Requests every change to these runs. */
  watch(runs: readonly string[]): void {
    const sorted = [...runs].sort();
    if (this.#client !== undefined && JSON.stringify(sorted) === JSON.stringify(this.#runs)) return;
    this.#runs = sorted;
    if (this.#state === 'live' || this.#state === 'connecting') this.#open();
  }

  /** Reconnects immediately if the connection is lost. */
  reopen(): void {
    if (this.#state === 'reconnecting' || this.#state === 'unauthorized') this.#open();
  }

  close(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    const closed = this.#client;
    this.#client = undefined;
    closed?.close();
  }

  #open(): void {
    this.close();
    const { base, token } = this.options;
    const opened = createEventSource({
      url: new URL(`api/stream${queryOf(this.#runs)}`, base),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      fetch: (url, init) => this.#connect(url, init as RequestInit),
      onMessage: ({ event, data }) => {
        this.#hear();
        if (event !== undefined) this.options.tell({ kind: 'event', name: event, data: JSON.parse(data) });
      },
      onComment: () => this.#hear(),
      // Replaces the client's own reconnection, because its delay is constant.
      onScheduleReconnect: () => {
        if (this.#client === opened) this.#lose();
      },
    });
    this.#client = opened;
    this.#hear(longestAnswer);
  }

  async #connect(url: string | URL, init: RequestInit): Promise<Response> {
    const response = await fetch(url, { ...init, redirect: 'error' });
    if (init.signal?.aborted) return response;
    if (response.status === 401) {
      this.close();
      this.#become('unauthorized');
    }
    if (!response.ok) throw new Error(`The stream answered ${response.status}`);
    this.#hear();
    this.#failures = 0;
    this.#become('live');
    return response;
  }

  #lose(): void {
    this.close();
    if (this.#state === 'unauthorized') return;
    this.#become('reconnecting');
    const delay = Math.min(longestDelay, 250 * 2 ** this.#failures++);
    this.#retry = setTimeout(() => this.#open(), delay * (0.75 + Math.random() / 2));
  }

  /**
   * Restarts the timer that detects a lost connection.
   *
   * @param patience - milliseconds of silence until the connection counts as lost
   */
  #hear(patience = longestSilence): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lose(), patience);
  }

  #become(state: Connection): void {
    this.#state = state;
    this.options.tell({ kind: 'state', state });
  }
}

function queryOf(runs: readonly string[]): string {
  let query = '';
  for (const run of runs) {
    const part = `${query === '' ? '?' : '&'}run=${encodeURIComponent(run)}`;
    if (query.length + part.length <= longestQuery) query += part;
  }
  return query;
}
