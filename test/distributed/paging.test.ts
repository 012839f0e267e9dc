import { type Engine, memory, OrchestratorBuilder, pglite } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import type { CheckpointStore, JournalTail, ReadOptions } from '../../src/distributed/contracts.js';
import { derivedStores } from '../../src/distributed/journal/derived-stores.js';
import { writeEntry } from '../../src/distributed/journal/entry.js';
import { ComposedEngine } from '../../src/distributed/orchestrator/composed.js';
import { temporaryDirectory } from './servers/reaper.js';

/** A megabyte that a node has written, and the number of such entries in a journal. */
const megabyte = 'x'.repeat(2 ** 20);
const count = 20;

/** More than one page, and far less than a whole journal. */
const mostHeld = 8 * 2 ** 20;

const opened: Engine[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((engine) => engine.close()));
});

const engines = [
  ['memory()', async () => memory()],
  ['pglite(directory)', async () => pglite(await temporaryDirectory())],
] as const;

describe.each(engines)('questions about a run with a large journal, on %s', (_name, create) => {
  it('is read a page at a time, and no more of it than is needed', { timeout: 120_000 }, async () => {
    const engine = await create();
    opened.push(engine);
    const watched = new WatchedJournals(engine);
    const orchestrator = orchestratorOn(engine, watched);
    const runId = await largeRun(engine);

    const errors = await orchestrator.errors(runId);
    expect(errors.map(({ error }) => error.message)).toEqual(Array.from({ length: count }, (_, n) => `failure ${n}`));
    expect(watched.pages).toBeGreaterThan(3);

    const metrics = await orchestrator.metrics(runId);
    expect([metrics.attempts, metrics.retries, metrics.steps.length]).toEqual([count, count, count]);

    watched.bytes = 0;
    expect(await orchestrator.input(runId)).toBe('the input');
    expect(watched.bytes).toBeLessThan(2 * 2 ** 20);

    watched.bytes = 0;
    for await (const { seq } of orchestrator.events(runId, { follow: false })) if (seq === 2) break;
    expect(watched.bytes).toBeLessThan(mostHeld);

    let events = 0;
    for await (const { seq } of orchestrator.events(runId, { follow: false })) expect(seq).toBe(++events);
    expect(events).toBe(count);

    expect(await orchestrator.status(runId)).toBe('running');
    expect((await orchestrator.run(runId)).status).toBe('running');
    expect(watched.largest).toBeLessThan(mostHeld);
  });
});

describe('a journal that changes while it is read', () => {
  it('is counted from its snapshot if it was compacted meanwhile', async () => {
    const engine = memory();
    opened.push(engine);
    const runId = await largeRun(engine);
    const watched = new WatchedJournals(engine);
    watched.onPage = async (page) => {
      if (page.snapshot === undefined) return;
      watched.onPage = undefined;
      const snapshot = { ...JSON.parse(page.snapshot.text), tally: tallyOf(count - 1) };
      await engine.checkpointStore.compact(runId, JSON.stringify(snapshot), count - 1);
    };
    const orchestrator = orchestratorOn(engine, watched);
    const metrics = await orchestrator.metrics(runId);
    expect([metrics.attempts, metrics.busyTime]).toEqual([count, count]);
  });

  it('is that of the next run if the run was removed and started again meanwhile', async () => {
    const engine = memory();
    opened.push(engine);
    const runId = await largeRun(engine);
    const watched = new WatchedJournals(engine);
    watched.onPage = async () => {
      watched.onPage = undefined;
      await engine.runInfoStore.deleteRun(runId);
      // Runs are distinguished by their time of creation.
      await new Promise((resolve) => setTimeout(resolve, 5));
      await largeRun(engine, runId, 5);
    };
    const orchestrator = orchestratorOn(engine, watched);
    expect(await orchestrator.errors(runId)).toHaveLength(5);
  });

  it('is missing if the run was removed meanwhile', async () => {
    const engine = memory();
    opened.push(engine);
    const runId = await largeRun(engine);
    const watched = new WatchedJournals(engine);
    watched.onPage = async () => engine.runInfoStore.deleteRun(runId);
    const orchestrator = orchestratorOn(engine, watched);
    await expect(orchestrator.errors(runId)).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
    await expect(orchestrator.metrics(runId)).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
    await expect(orchestrator.input(runId)).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
  });
});

function orchestratorOn(engine: Engine, watched: WatchedJournals) {
  const checkpointStore = watched as unknown as CheckpointStore;
  const { metricsStore, errorStore } = derivedStores({ checkpointStore } as Engine);
  const composed = new ComposedEngine(engine, { checkpointStore, metricsStore, errorStore });
  return new OrchestratorBuilder().engine(composed).workflow(new Flow('large').wait('w')).build();
}

/** A failed run that was retried many times, with a megabyte written by its node each time. */
async function largeRun(engine: Engine, runId = 'large', entries = count): Promise<string> {
  const record = { runId, workflow: 'large', version: '1', status: 'running', priority: 0 } as const;
  const snapshot = JSON.stringify({ flow: 'large', version: '1', runId, input: 'j"the input"', values: [] });
  const unset = { retention: undefined, output: undefined, error: undefined };
  await engine.begin({ record: { ...record, ...unset }, delay: 0, timeout: undefined, snapshot });
  for (let n = 0; n < entries; n++) {
    const text = writeEntry({
      type: 'retrying',
      node: 'n',
      visit: 1,
      round: 1,
      attempt: n + 1,
      job: 'job',
      worker: 'worker',
      ms: 1,
      set: { large: `j"${megabyte}"` },
      error: `s${JSON.stringify([['Error', 1], { name: 2, message: 3 }, 'Error', `failure ${n}`])}`,
      delay: 0,
      consumed: true,
    });
    await engine.commit(runId, n, [{ text, during: ['running'] }]);
  }
  return runId;
}

function tallyOf(attempts: number) {
  return { attempts, completed: 0, failed: 0, retries: attempts, busyTime: attempts, steps: [], errors: [] };
}

/** The journals of an engine, with a count of the bytes that were read. */
class WatchedJournals {
  pages = 0;
  bytes = 0;
  largest = 0;
  onPage: ((page: JournalTail) => Promise<void>) | undefined = undefined;
  readonly compact: CheckpointStore['compact'];

  constructor(readonly engine: Engine) {
    this.compact = engine.checkpointStore.compact.bind(engine.checkpointStore);
  }

  async read(runId: string, after?: number, options?: ReadOptions): Promise<JournalTail | undefined> {
    const read = await this.engine.checkpointStore.read(runId, after, options);
    if (read === undefined) return undefined;
    const page = inMemory(read, options?.maxBytes);
    const size = page.entries.reduce((sum, { text }) => sum + text.length, page.snapshot?.text.length ?? 0);
    this.pages++;
    this.bytes += size;
    this.largest = Math.max(this.largest, size);
    await this.onPage?.(page);
    return page;
  }
}

/** An engine in memory holds the whole journal anyway, and returns all of it. */
function inMemory(tail: JournalTail, maxBytes = Infinity): JournalTail {
  let left = maxBytes;
  const entries = tail.entries.filter(({ text }, index) => {
    left -= text.length;
    return index === 0 || left > 0;
  });
  return entries.length === tail.entries.length ? tail : { ...tail, entries, more: true };
}
