import type { LoopEnd, LoopMetrics } from '../health.js';
import type { LoopHost } from '../host.js';
import type { LoopPlan } from '../plan.js';

/** The part of a loop that other parts of the workflow need: its queues and its nodes. */
export interface LoopShape {
  readonly id: string;
  /** The queue that the loop reads, if any. */
  readonly reads: string | undefined;
  /** The queues that the loop pushes to. */
  readonly pushes: readonly string[];
  /** Ids of the nodes of the loop. */
  readonly nodes: readonly string[];
  /** Maximum number of messages in an iteration. */
  readonly batch: number;
}

export function shapeOfPlan({ id, reads, pushes, nodes, producer }: LoopPlan): LoopShape {
  const { batch = 1 } = producer.definition.options ?? {};
  return { id, reads, pushes, nodes: nodes.map(({ id }) => id), batch: Number(batch) };
}

/** Figures of one life of a loop, without the rate, which needs repeated measurements. */
export type LoopReport = Omit<LoopMetrics, 'iterationsPerSecond'>;

/**
 * A single life of a loop in its pool, from its start to its end. The host receives the events of the loop. `ended`
 * resolves with the end of the loop, and rejects with a `LoopCrashError` if the thread or process ends unexpectedly.
 */
export interface PooledLoop {
  /** Prepares the loop so that its shape is known. No node runs yet. */
  prepare(): Promise<LoopShape>;
  /**
   * Starts the loop. Resolves when the loop is running.
   *
   * @param options - `paused`: if true, the loop pauses before its first iteration
   */
  start(host: LoopHost, options: { readonly paused: boolean }): Promise<{ readonly ended: Promise<LoopEnd> }>;
  /** Pauses the loop. Resolves when the current iteration has ended. */
  pause(): Promise<void>;
  resume(): void;
  stop(options: { readonly drain: boolean }): void;
  /** Aborts the signals of the nodes. No more nodes are called. */
  abort(reason: Error): void;
  /**
   * Terminates the loop from outside, if its pool supports termination.
   *
   * @returns true if the pool supports termination
   */
  terminate(): Promise<boolean>;
  replay(nodeId: string, value: unknown): void;
  /** Returns the latest known figures. */
  report(): LoopReport | undefined;
}
