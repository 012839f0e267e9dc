import { type CloseOptions, readCloseOptions } from '../../../shared/closing.js';
import type {
  Commit,
  CommitAnswer,
  DisposableEngine,
  Engine,
  NewRun,
  OnShardError,
  StatusChange,
} from '../../contracts.js';
import { EngineError } from '../../errors.js';
import { Warnings } from '../warnings.js';
import { ShardedCheckpoints } from './checkpoints.js';
import { gathered } from './gather.js';
import { ShardedQueue } from './queue.js';
import type { Shard } from './shard.js';
import { ShardMap } from './shard-map.js';
import type { Sharded } from './sharded.js';
import {
  ShardedContexts,
  ShardedErrors,
  ShardedItemStates,
  ShardedLiveness,
  ShardedMetrics,
  ShardedRuns,
  ShardedWorkflows,
} from './stores.js';
import { subscribeToAll } from './subscription.js';

/**
 * An engine that consists of several engines. Orchestrators and workers call the shards themselves, see `ShardSet`. For
 * everybody else, each method finds the shard of its run, or asks all shards.
 */
export class ShardsEngine implements DisposableEngine, Sharded {
  readonly queue: ShardedQueue = new ShardedQueue(this);
  readonly contextStore: ShardedContexts = new ShardedContexts(this);
  readonly runInfoStore: ShardedRuns = new ShardedRuns(this);
  readonly metricsStore: ShardedMetrics = new ShardedMetrics(this);
  readonly errorStore: ShardedErrors = new ShardedErrors(this);
  readonly livenessStore: ShardedLiveness = new ShardedLiveness(this);
  readonly workItemStateStore: ShardedItemStates = new ShardedItemStates(this);
  readonly checkpointStore: ShardedCheckpoints = new ShardedCheckpoints(this);
  readonly workflowStore: ShardedWorkflows = new ShardedWorkflows(this);
  readonly shards: ShardMap;
  readonly #parts: readonly Shard[];
  readonly #warnings = new Warnings();

  constructor(
    readonly name: string,
    parts: readonly Shard[],
    initial: number,
  ) {
    this.#parts = parts;
    this.shards = new ShardMap(name, parts, initial);
  }

  gathered<Answer>(question: (engine: Engine) => Promise<Answer>, onError?: OnShardError): Promise<Answer[]> {
    return gathered(this.name, this.#parts, question, onError);
  }

  /**
   * Opens all shards. A shard that is unreachable is reported as a warning, and opens when it is used later.
   *
   * @throws {EngineError} if a shard refuses, or if all are unreachable
   */
  async open(): Promise<void> {
    const opened = await Promise.allSettled(this.shards.all.map((engine) => engine.open()));
    const errors: unknown[] = opened.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const isAway = (error: unknown) => error instanceof EngineError && error.isRetryable;
    if (errors.length === opened.length || !errors.every(isAway))
      throw errors.find((error) => !isAway(error)) ?? errors[0];
    for (const error of errors) this.#warnings.warn(error as Error);
  }

  async begin(run: NewRun): ReturnType<Engine['begin']> {
    return (await this.shards.forStart(run.record.runId)).engine.begin(run);
  }

  async commit(
    runId: string,
    known: number,
    commits: readonly Commit[],
    incarnation?: number,
  ): Promise<CommitAnswer | undefined> {
    return (await this.shards.of(runId)).commit(runId, known, commits, incarnation);
  }

  subscribe(listener: (change: StatusChange) => void): Promise<() => void> {
    return subscribeToAll(this.shards.all, listener);
  }

  onWarning(listener: (warning: Error) => void): () => void {
    const ends = [this.#warnings.listen(listener), ...this.shards.all.map((engine) => engine.onWarning?.(listener))];
    return () => {
      for (const end of ends) end?.();
    };
  }

  async close(options?: CloseOptions): Promise<void> {
    readCloseOptions(options);
    const closed = await Promise.allSettled(this.shards.all.map((engine) => engine.close(options)));
    for (const one of closed) if (one.status === 'rejected') throw one.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
