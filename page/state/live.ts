import type {
  EngineView,
  LoopsView,
  Overview,
  QueuesView,
  StreamEvents,
  WorkerView,
} from '../../src/dashboard/api/index.js';
import { tellTime } from './clock.js';
import { remember } from './rates.js';
import { Store } from './store.js';
import type { Connection } from './stream/news.js';

/** The latest states from the stream. A state is `undefined` until it is known. */
export const overview = new Store<Overview | undefined>(undefined);
export const workers = new Store<readonly WorkerView[] | undefined>(undefined);
export const queues = new Store<QueuesView | undefined>(undefined);
export const loops = new Store<LoopsView | undefined>(undefined);
export const engine = new Store<EngineView | undefined>(undefined);
export const deadLetters = new Store<number | undefined>(undefined);

export const connection = new Store<Connection>('connecting');

/**
 * Listeners for events that are not states: runs have changed, or everything must be read again after a reconnection.
 */
interface Listeners {
  runs: (event: StreamEvents['runs']) => void;
  run: (event: StreamEvents['run']) => void;
  deadLetters: (event: StreamEvents['deadLetters']) => void;
  reconnected: () => void;
}

const listeners: { readonly [Name in keyof Listeners]: Set<Listeners[Name]> } = {
  runs: new Set(),
  run: new Set(),
  deadLetters: new Set(),
  reconnected: new Set(),
};

/** Adds a listener. Returns a function that removes it. */
export function on<Name extends keyof Listeners>(name: Name, listener: Listeners[Name]): () => void {
  listeners[name].add(listener);
  return () => void listeners[name].delete(listener);
}

const appliers: { readonly [Name in keyof StreamEvents]: (data: StreamEvents[Name]) => void } = {
  overview: applyOverview,
  workers: (data) => workers.set(data),
  queues: (data) => queues.set(data),
  loops: (data) => {
    remember(data.loops);
    loops.set(data);
  },
  deadLetters: (data) => {
    deadLetters.set(data.total);
    tell('deadLetters', data);
  },
  engine: applyEngine,
  runs: (data) => tell('runs', data),
  run: (data) => tell('run', data),
};

/** Applies an event of the stream. Unknown events, from newer servers, are ignored. */
export function apply(name: string, data: unknown): void {
  if (Object.hasOwn(appliers, name)) (appliers[name as keyof StreamEvents] as (data: unknown) => void)(data);
}

function applyOverview(value: Overview): void {
  tellTime(value.time);
  overview.set(value);
}

/** Stores the health of the engine. When the engine is back, everything that could not be read is read again. */
function applyEngine(value: EngineView): void {
  const wasAway = engine.value?.isAnswering === false;
  engine.set(value);
  if (wasAway && value.isAnswering) reconnected();
}

export function reconnected(): void {
  for (const listener of listeners.reconnected) listener();
}

function tell<Name extends 'runs' | 'run' | 'deadLetters'>(name: Name, event: StreamEvents[Name]): void {
  for (const listener of listeners[name]) (listener as (event: StreamEvents[Name]) => void)(event);
}
