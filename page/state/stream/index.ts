import { apply, connection, reconnected } from '../live.js';
import { setToken, token } from '../session.js';
import { type Ask, Hub } from './hub.js';
import { beat, type Connection, type News, type Wish } from './news.js';

declare const STREAM_VERSION: string;

/**
 * The live connection of this tab: through a shared worker if the browser has shared workers, otherwise through a hub of
 * its own. A hidden tab gives up the connection.
 */
let ask: Ask | undefined;
let run: string | undefined;
/** If true, the tab was connected before and has missed events since. */
let hasMissed = false;

export function openStream(): void {
  ask = shared() ?? own();
  token.watch(follow);
  addEventListener('online', reopen);
  addEventListener('pagehide', leave);
  addEventListener('pageshow', follow);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') leave();
    else follow();
  });
  setInterval(follow, beat);
  follow();
}

/** Requests every change to a run. `undefined` stands for no run. */
export function watchRun(runId: string | undefined): void {
  if (runId === run) return;
  run = runId;
  follow();
}

/** Reconnects immediately if the connection is lost. */
export function reopen(): void {
  ask?.({ kind: 'reopen' });
}

function follow(): void {
  if (document.visibilityState === 'visible') ask?.({ kind: 'follow', token: token.value, run });
}

function leave(): void {
  hasMissed = hasMissed || connection.value === 'live';
  ask?.({ kind: 'leave' });
}

function hear(news: News): void {
  if (news.kind === 'event') apply(news.name, news.data);
  else if (news.kind === 'state') become(news.state);
}

function become(state: Connection): void {
  const before = connection.value;
  connection.set(state);
  if (state === 'unauthorized') setToken(undefined);
  if (state === 'reconnecting' && before === 'live') hasMissed = true;
  if (state !== 'live' || !hasMissed) return;
  hasMissed = false;
  reconnected();
}

function own(): Ask {
  return new Hub(document.baseURI).join(hear);
}

/** Milliseconds within which the worker must answer a message. A silent worker has crashed or could not start. */
const patience = 10_000;

function shared(): Ask | undefined {
  const port = portOfWorker();
  if (port === undefined) return undefined;
  let due: ReturnType<typeof setTimeout> | undefined;
  const hearIt = ({ data }: MessageEvent<News>) => {
    clearTimeout(due);
    due = undefined;
    hear(data);
  };
  port.addEventListener('message', hearIt);
  port.start();
  const giveUp = () => {
    if (ask !== askIt) return;
    clearTimeout(due);
    port.removeEventListener('message', hearIt);
    port.postMessage({ kind: 'leave' } satisfies Wish);
    worker?.removeEventListener('error', giveUp);
    ask = own();
    follow();
  };
  worker?.addEventListener('error', giveUp);
  const askIt: Ask = (wish) => {
    if (wish.kind !== 'leave') due ??= setTimeout(giveUp, patience);
    port.postMessage(wish);
  };
  return askIt;
}

let worker: SharedWorker | undefined;

/**
 * Connects to the shared worker. Returns `undefined` if the browser does not support shared workers, as on mobile
 * devices, or forbids them. Each version of the page has its own worker.
 */
function portOfWorker(): MessagePort | undefined {
  try {
    worker = new SharedWorker('stream.js', { name: STREAM_VERSION });
    return worker.port;
  } catch {
    return undefined;
  }
}
