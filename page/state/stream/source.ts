import { createEventSource, type EventSourceClient } from 'eventsource-client';
import type { Connection, News } from './news.js';

/**
 * One connection to the server's stream. It is opened anew when other runs are watched, and after it was lost: at once, then
 * after longer and longer, at most 5 seconds.
 *
 *     connecting ─► live ─► reconnecting ─► live
 *          └────────────┴► unauthorized (until it is reopened)
 */
const longestDelay = 5_000;
/** The server says something at least every 15 seconds. */
const longestSilence = 45_000;
/** Milliseconds in which the server has to answer. */
const longestAnswer = 10_000;
/** Of the address, in characters: servers refuse longer ones. Runs beyond it are told of by their statuses only. */
const longestQuery = 6_000;

export interface SourceOptions {
  /** Where the dashboard is mounted, with a `/` at its end. */
  readonly base: string;
  readonly token: string | undefined;
  readonly tell: (news: News) => void;
}

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

  /** Watches these runs more closely. */
  watch(runs: readonly string[]): void {
    const sorted = [...runs].sort();
    if (this.#client !== undefined && JSON.stringify(sorted) === JSON.stringify(this.#runs)) return;
    this.#runs = sorted;
    if (this.#state === 'live' || this.#state === 'connecting') this.#open();
  }

  /** Tries again now, where there is no connection. */
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
      // Its own delay is always the same.
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

  /** @param patience - milliseconds until the connection counts as lost, if nothing more is heard */
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
