import type {
  CheckpointStore,
  ContextLayer,
  ContextStore,
  Engine,
  ErrorRecord,
  ErrorStore,
  JournalTail,
  MetricsStore,
  RunMetrics,
} from '../contracts.js';
import { readEntry } from './entry.js';
import { snapshotOf } from './snapshot.js';
import { type SavedTally, Tally } from './tally.js';

/**
 * Stores whose content follows from the journals: contexts, metrics, errors. What a commit has changed in them is part of
 * its entry, so they never differ from it, and count nothing twice. Engines have these for the asking.
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
    const tail = await this.journals().read(runId);
    if (tail === undefined) return undefined;
    const { values } = snapshotOf(tail);
    const layers: ContextLayer[] = [{ set: Object.fromEntries(values), removed: [] }];
    const outputs = new Set(values.map(([key]) => key));
    for (const { text } of tail.entries) {
      const entry = readEntry(text);
      const { set, removed: keys = [] } = entry as { set?: Record<string, string>; removed?: readonly string[] };
      const output = entry.type === 'completed' && entry.output !== undefined ? { [entry.node]: entry.output } : {};
      // A node that was visited before, and has no output this time.
      const isGone = entry.type === 'completed' && entry.output === undefined && outputs.has(entry.node);
      const removed = isGone ? [...keys, entry.node] : keys;
      const all = { ...set, ...output };
      for (const key of Object.keys(output)) outputs.add(key);
      if (Object.keys(all).length + removed.length > 0) layers.push({ set: all, removed });
    }
    return layers;
  }
}

class JournaledMetrics implements MetricsStore {
  constructor(
    readonly engine: Engine,
    private readonly journals: () => CheckpointStore,
  ) {}

  async getMetrics(runId: string): Promise<RunMetrics | undefined> {
    const tail = await this.journals().read(runId);
    if (tail === undefined) return undefined;
    const { errors: _errors, ...metrics } = tallyOf(tail);
    return metrics;
  }
}

class JournaledErrors implements ErrorStore {
  constructor(
    readonly engine: Engine,
    private readonly journals: () => CheckpointStore,
  ) {}

  async getErrors(runId: string): Promise<readonly ErrorRecord[] | undefined> {
    const tail = await this.journals().read(runId);
    return tail && tallyOf(tail).errors;
  }
}

function tallyOf(tail: JournalTail): SavedTally {
  const tally = new Tally(snapshotOf(tail).tally);
  for (const { text, time } of tail.entries) tally.add(readEntry(text), time);
  return tally.save();
}
