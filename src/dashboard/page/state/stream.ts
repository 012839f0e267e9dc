import { createEventSource, type EventSourceClient } from 'eventsource-client';
import { apply, connection, reconnected } from './live.js';
import { authorization } from './request.js';
import { setToken, token } from './session.js';

/**
 * The live connection. There is one; it is opened anew when another run is watched, when there is another token, and after
 * it was lost: at once, then after longer and longer, at most 5 seconds.
 *
 *     connecting ─► live ─► reconnecting ─► live
 *          └────────────┴► unauthorized (until there is a token)
 */
const longestDelay = 5_000;
/** The server says something at least every 15 seconds. */
const longestSilence = 45_000;

let client: EventSourceClient | undefined;
let watched: string | undefined;
let failures = 0;
let wasLive = false;
let isLost = false;
let retry: ReturnType<typeof setTimeout> | undefined;
let silence: ReturnType<typeof setTimeout> | undefined;

export function openStream(): void {
  token.watch(open);
  addEventListener('online', reopen);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') reopen();
  });
  open();
}

/** Watches one run more closely; `undefined` for none. */
export function watchRun(runId: string | undefined): void {
  if (runId === watched) return;
  watched = runId;
  open();
}

/** Tries again now, where the connection is lost. */
export function reopen(): void {
  if (connection.value === 'reconnecting') open();
}

function open(): void {
  close();
  const path = watched === undefined ? 'api/stream' : `api/stream?run=${encodeURIComponent(watched)}`;
  const opened = createEventSource({
    url: new URL(path, document.baseURI),
    headers: authorization(),
    fetch: (url, init) => connect(url, init as RequestInit),
    onMessage: ({ event, data }) => {
      hear();
      if (event !== undefined) apply(event, JSON.parse(data));
    },
    onComment: hear,
    // Its own delay is always the same.
    onScheduleReconnect: () => {
      if (client === opened) lose();
    },
  });
  client = opened;
}

async function connect(url: string | URL, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'error' });
  if (response.status === 401) {
    close();
    connection.set('unauthorized');
    setToken(undefined);
  }
  if (!response.ok) throw new Error(`The stream answered ${response.status}`);
  hear();
  failures = 0;
  connection.set('live');
  if (wasLive && isLost) reconnected();
  wasLive = true;
  isLost = false;
  return response;
}

function lose(): void {
  close();
  if (connection.value === 'unauthorized') return;
  isLost = true;
  connection.set('reconnecting');
  const delay = Math.min(longestDelay, 250 * 2 ** failures++);
  retry = setTimeout(open, delay * (0.75 + Math.random() / 2));
}

function hear(): void {
  clearTimeout(silence);
  silence = setTimeout(lose, longestSilence);
}

function close(): void {
  clearTimeout(retry);
  clearTimeout(silence);
  const closed = client;
  client = undefined;
  closed?.close();
}
