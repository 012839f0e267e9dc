import type {
  CheckpointStore,
  ContextLayer,
  ContextStore,
  Engine,
  ErrorRecord,
  ErrorStore,
  MetricsStore,
  RunMetrics,
} from '../contracts.js';
import { type Entry, readEntry } from './entry.js';
import { pagesOf } from './pages.js';
import { snapshotOf } from './snapshot.js';
import { type SavedTally, Tally } from './tally.js';

/**
 * Derives three stores from the journals of an engine: contexts, metrics and errors. With them, a custom engine needs
 * to store only journals.
 *
 * Each change to a context, each step and each error is part of a journal entry. The derived stores therefore never
 * differ from the journal, and count nothing twice.
 *
 * @param engine - the engine whose `checkpointStore` is read. The store is looked up on each call, so `engine` may
 *   still be under construction
 * @returns the stores to expose as `contextStore`, `metricsStore` and `errorStore` of the engine. Their methods
 *   return `undefined` for an unknown run, and reject with the errors of `checkpointStore.read`, or with
 *   `RunNotFoundError` if the run is removed during the call
 * @example
 * import { derivedStores, type Engine } from 'orchestrator/distributed/engine';
 *
 * declare const engine: Engine;
 * const { contextStore, metricsStore, errorStore } = derivedStores(engine);
 */
export function derivedStores(engine: Engine): {
  readonly contextStore: ContextStore;
  readonly metricsStore: MetricsStore;
  readonly errorStore: ErrorStore;
} {
  const journals = () => engine.checkpointStore;
  return {
    contextStore: new JournaledContexts(engine, journals),
    metricsStore: new JournaledMetrics(engine, journals),
    errorStore: new JournaledErrors(engine, journals),
  };
}

class JournaledContexts implements ContextStore {
  constructor(
    readonly engine: Engine,
    private readonly journals: () => CheckpointStore,
  ) {}

  async getContext(runId: string): Promise<readonly ContextLayer[] | undefined> {
    let layers: ContextLayer[] | undefined;
    let outputs = new Set<string>();
    for await (const page of pagesOf(this.journals(), runId)) {
      if (page.snapshot !== undefined) {
        const { values } = snapshotOf(page);
        layers = [{ set: Object.fromEntries(values), removed: [] }];
        outputs = new Set(values.map(([key]) => key));
      }
      for (const { text } of page.entries) {
        const layer = layerOf(readEntry(text), outputs);
        if (layer !== undefined) layers?.push(layer);
      }
    }
    return layers;
  }
}

/**
 * Returns what an entry changed in the context, or `undefined` if the entry changed nothing.
 *
 * @param outputs - the keys that earlier entries have set; the keys of this entry are added
 */
function layerOf(entry: Entry, outputs: Set<string>): ContextLayer | undefined {
  const { set, removed: keys = [] } = entry as { set?: Record<string, string>; removed?: readonly string[] };
  const output = entry.type === 'completed' && entry.output !== undefined ? { [entry.node]: entry.output } : {};
  // The node has no output on this visit, but had one on an earlier visit.
  const isGone = entry.type === 'completed' && entry.output === undefined && outputs.has(entry.node);
  const removed = isGone ? [...keys, entry.node] : keys;
  const all = { ...set, ...output };
  for (const key of Object.keys(all)) outputs.add(key);
  return Object.keys(all).length + removed.length > 0 ? { set: all, removed } : undefined;
}

class JournaledMetrics implements MetricsStore {
  constructor(
    readonly engine: Engine,
    private readonly journals: () => CheckpointStore,
  ) {}

  async getMetrics(runId: string): Promise<RunMetrics | undefined> {
    const tally = await tallyOf(this.journals(), runId);
    if (tally === undefined) return undefined;
    const { errors: _errors, ...metrics } = tally;
    return metrics;
  }
}

class JournaledErrors implements ErrorStore {
  constructor(
    readonly engine: Engine,
    private readonly journals: () => CheckpointStore,
  ) {}

  async getErrors(runId: string): Promise<readonly ErrorRecord[] | undefined> {
    return (await tallyOf(this.journals(), runId))?.errors;
  }
}

async function tallyOf(store: CheckpointStore, runId: string): Promise<SavedTally | undefined> {
  let tally: Tally | undefined;
  for await (const page of pagesOf(store, runId)) {
    if (page.snapshot !== undefined) tally = new Tally(snapshotOf(page).tally);
    for (const { text, time } of page.entries) tally?.add(readEntry(text), time);
  }
  return tally?.save();
}
