import type { CloseOptions } from '../../shared/closing.js';
import type {
  CheckpointStore,
  Commit,
  ContextStore,
  Engine,
  ErrorStore,
  LivenessStore,
  MetricsStore,
  NewRun,
  RunInfoStore,
  StatusChange,
  WorkflowStore,
  WorkItemStateStore,
  WorkQueue,
} from '../contracts.js';

/** The properties of an engine that can be set one by one, under the names that they have in an engine. */
export type Stores = Pick<
  Engine,
  | 'queue'
  | 'contextStore'
  | 'runInfoStore'
  | 'metricsStore'
  | 'errorStore'
  | 'livenessStore'
  | 'workItemStateStore'
  | 'checkpointStore'
  | 'workflowStore'
>;

/** An engine with some of its stores replaced. The base engine still begins runs and commits entries. */
export class ComposedEngine implements Engine, Stores {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly contextStore: ContextStore;
  readonly runInfoStore: RunInfoStore;
  readonly metricsStore: MetricsStore;
  readonly errorStore: ErrorStore;
  readonly livenessStore: LivenessStore;
  readonly workItemStateStore: WorkItemStateStore;
  readonly checkpointStore: CheckpointStore;
  readonly workflowStore: WorkflowStore;

  constructor(
    /** The engine that begins runs and commits entries. */
    readonly base: Engine,
    stores: Partial<Stores>,
  ) {
    this.name = base.name;
    this.queue = stores.queue ?? base.queue;
    this.contextStore = stores.contextStore ?? base.contextStore;
    this.runInfoStore = stores.runInfoStore ?? base.runInfoStore;
    this.metricsStore = stores.metricsStore ?? base.metricsStore;
    this.errorStore = stores.errorStore ?? base.errorStore;
    this.livenessStore = stores.livenessStore ?? base.livenessStore;
    this.workItemStateStore = stores.workItemStateStore ?? base.workItemStateStore;
    this.checkpointStore = stores.checkpointStore ?? base.checkpointStore;
    this.workflowStore = stores.workflowStore ?? base.workflowStore;
  }

  open(): Promise<void> {
    return this.base.open();
  }

  begin(run: NewRun): ReturnType<Engine['begin']> {
    return this.base.begin(run);
  }

  commit(runId: string, known: number, commits: readonly Commit[], incarnation?: number): ReturnType<Engine['commit']> {
    return this.base.commit(runId, known, commits, incarnation);
  }

  subscribe(listener: (change: StatusChange) => void): Promise<() => void> {
    return this.base.subscribe(listener);
  }

  onWarning(listener: (warning: Error) => void): () => void {
    return this.base.onWarning?.(listener) ?? (() => undefined);
  }

  close(options?: CloseOptions): Promise<void> {
    return this.base.close(options);
  }
}

/** Returns the engine that commits. For a composed engine, this is its base. */
export function baseOf(engine: Engine): Engine {
  return engine instanceof ComposedEngine ? baseOf(engine.base) : engine;
}
