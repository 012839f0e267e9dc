import type { StatusChange } from '../../distributed/index.js';
import type { WorkflowEvents } from '../../loops/index.js';
import type { StreamEvents } from '../api/index.js';
import { queuesView, workerViews } from '../views/fleet.js';
import { loopsView } from '../views/loops.js';
import { overviewOf } from '../views/overview.js';
import { loopsOf, type Watched } from '../views/watched.js';
import { EngineHealth } from './engine-health.js';
import { Feed, type State } from './feed.js';
import { marked } from './marks.js';
import type { StreamReader } from './reader.js';
import type { RunFeeds } from './run-feeds.js';

/** Milliseconds between two looks at states that report no changes, and between two keep-alive messages. */
const tick = 500;
const heartbeat = 15_000;

/**
 * Sources of the events in the streams, active while there are readers: notifications of the engine and of loops, and
 * regular looks at the rest.
 */
export class Sources {
  readonly feeds: readonly Feed[];
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #listeners: { readonly [Name in keyof WorkflowEvents]?: () => void };
  readonly #health: EngineHealth;
  #subscribed: Promise<() => void> | undefined = undefined;
  /** Run counts by status at the last look, and whether the engine has reported a change since then. */
  #counts: string | undefined = undefined;
  #wasTold = false;

  constructor(
    private readonly watched: Watched,
    private readonly readers: ReadonlySet<StreamReader>,
    private readonly runs: RunFeeds,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#health = new EngineHealth(watched.redactor.text);
    const overview = this.#feed('overview', () => this.#health.watch(this.#lookOver()));
    const engine = this.#feed('engine', () => this.#health.state);
    const workers = this.#feed('workers', async () => marked(await workerViews(watched)));
    const queues = this.#feed('queues', async () => marked(await queuesView(watched)));
    const loops = this.#feed('loops', () => marked(loopsView(watched)));
    const deadLetters = this.#feed('deadLetters', () => marked({ total: loopsOf(watched).deadLetters.size }));
    const { distributed, loops: workflow } = watched;
    this.feeds = [
      overview,
      queues,
      ...(distributed === undefined ? [] : [workers, engine]),
      ...(workflow === undefined ? [] : [loops, deadLetters]),
    ];
    this.#listeners = {
      state: () => touch(loops, overview),
      node: () => touch(loops),
      failure: () => touch(loops),
      deadLetter: () => touch(deadLetters, overview),
      metrics: () => touch(loops, queues),
    };
    for (const [name, listener] of Object.entries(this.#listeners)) workflow?.on(name as 'node', listener);
    this.#timers = [setInterval(() => this.touchAll(), tick), setInterval(() => this.#beat(), heartbeat)];
    for (const timer of this.#timers) timer.unref();
  }

  /** Requests a look at everything, because anything may have changed. */
  touchAll(): void {
    this.#subscribe();
    touch(...this.feeds);
    this.runs.touchAll();
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const feed of this.feeds) feed.close();
    for (const [name, listener] of Object.entries(this.#listeners)) this.watched.loops?.off(name as 'node', listener);
    this.#subscribed?.then(
      (end) => end(),
      () => undefined,
    );
  }

  #feed(name: keyof StreamEvents, look: () => Promise<State> | State): Feed {
    const tell = (state: string) => {
      for (const reader of this.readers) reader.tell(name, state);
    };
    return new Feed(name, look, tell, this.onError);
  }

  /** Subscribes to the engine. A failed subscription is tried again at the next tick. */
  #subscribe(): void {
    if (this.watched.distributed === undefined || this.#subscribed !== undefined) return;
    this.#subscribed = this.watched.distributed.engine.subscribe((change) => this.#onChange(change));
    this.#subscribed.catch((error) => {
      this.#subscribed = undefined;
      this.onError(error);
    });
  }

  #onChange(change: StatusChange): void {
    this.#wasTold = true;
    for (const reader of this.readers) reader.tellRun(change);
    this.runs.touch(change.runId);
    this.feeds[0]?.touch();
  }

  /**
   * Looks at the overview. Engines usually report changes to runs; if one did not, the run counts reveal the change.
   */
  async #lookOver(): Promise<State> {
    const wasTold = this.#wasTold;
    this.#wasTold = false;
    const overview = await overviewOf(this.watched);
    const counts = JSON.stringify(overview.distributed?.runs);
    const isNews = this.#counts !== undefined && this.#counts !== counts && !wasTold && !this.#wasTold;
    this.#counts = counts;
    if (isNews) for (const reader of this.readers) reader.tellOfRuns();
    return marked(overview);
  }

  #beat(): void {
    for (const reader of this.readers) reader.beat();
  }
}

function touch(...feeds: readonly Feed[]): void {
  for (const feed of feeds) feed.touch();
}
