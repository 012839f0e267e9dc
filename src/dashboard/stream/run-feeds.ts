import type { DistributedOrchestrator } from '../../distributed/index.js';
import { isFinished } from '../../distributed/status/index.js';
import { Feed, type State } from './feed.js';
import { epoch } from './marks.js';
import type { StreamReader } from './reader.js';

interface RunFeed {
  readonly feed: Feed;
  readonly readers: Set<StreamReader>;
}

/** The watched runs and their readers. A run is looked at only once, even if many readers watch it. */
export class RunFeeds {
  readonly #feeds = new Map<string, RunFeed>();

  constructor(
    private readonly orchestrator: DistributedOrchestrator | undefined,
    private readonly onError: (error: unknown) => void,
  ) {}

  enter(reader: StreamReader, runId: string): void {
    if (this.orchestrator === undefined) return;
    const known = this.#feeds.get(runId);
    if (known !== undefined) {
      known.readers.add(reader);
      reader.tellOf(runId, JSON.stringify({ runId }));
      return;
    }
    const readers = new Set([reader]);
    const tell = (state: string) => {
      for (const one of readers) one.tellOf(runId, state);
    };
    this.#feeds.set(runId, { feed: new Feed('run', lookAt(this.orchestrator, runId), tell, this.onError), readers });
  }

  leave(reader: StreamReader, runId: string): void {
    const run = this.#feeds.get(runId);
    if (run === undefined || !run.readers.delete(reader) || run.readers.size > 0) return;
    run.feed.close();
    this.#feeds.delete(runId);
  }

  touch(runId: string): void {
    this.#feeds.get(runId)?.feed.touch();
  }

  touchAll(): void {
    for (const { feed } of this.#feeds.values()) feed.touch();
  }
}

/**
 * Looks at a run: the end of its journal, its status, and the work being executed. Only new journal entries are read.
 * Until the run has ended, its mark also changes every two seconds, because queued and just started work is not in the
 * journal.
 */
function lookAt({ engine }: DistributedOrchestrator, runId: string): () => Promise<State | undefined> {
  let known = 2 ** 31 - 1;
  return async () => {
    const [tail, executing] = await Promise.all([
      engine.checkpointStore.read(runId, known),
      engine.workItemStateStore.getStates(runId),
    ]);
    if (tail === undefined) return undefined;
    known = tail.seq;
    const { status, createdAt } = tail.record;
    const mark = [createdAt, tail.seq, status, executing, isFinished(status) ? 0 : epoch()];
    return { value: { runId }, mark: JSON.stringify(mark) };
  };
}
