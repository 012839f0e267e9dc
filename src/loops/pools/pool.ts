import type { LoopEnd, LoopMetrics } from '../health.js';
import type { LoopHost } from '../host.js';
import type { LoopPlan } from '../plan.js';

/** What a loop reads and pushes to, as far as others have to know. */
export interface LoopShape {
  readonly id: string;
  readonly reads: string | undefined;
  readonly pushes: readonly string[];
  /** The ids of its nodes. */
  readonly nodes: readonly string[];
  /** How many messages an iteration takes at most. */
  readonly batch: number;
}

export function shapeOfPlan({ id, reads, pushes, nodes, producer }: LoopPlan): LoopShape {
  const { batch = 1 } = producer.definition.options ?? {};
  return { id, reads, pushes, nodes: nodes.map(({ id }) => id), batch: Number(batch) };
}

/** What a loop has done, without what only those know who ask again and again. */
export type LoopReport = Omit<LoopMetrics, 'iterationsPerSecond'>;

/**
 * One life of a loop in its pool, from its start to its end.
 *
 * What happens in it is told to its host. It ends with how it has ended; rejects with a `LoopCrashError` where its thread
 * or process has ended by itself.
 */
export interface PooledLoop {
  /** Has it made ready, so that its shape is known. Nothing runs yet. */
  prepare(): Promise<LoopShape>;
  /** @param options - `paused`: before its first iteration */
  start(host: LoopHost, options: { readonly paused: boolean }): Promise<{ readonly ended: Promise<LoopEnd> }>;
  /** Resolves when the iteration that is under way has ended. */
  pause(): Promise<void>;
  resume(): void;
  stop(options: { readonly drain: boolean }): void;
  /** Signals abort; nothing new is begun. */
  abort(reason: Error): void;
  /** Ends it without its doing, where its pool can. @returns whether it could */
  terminate(): Promise<boolean>;
  replay(nodeId: string, value: unknown): void;
  /** As known last. */
  report(): LoopReport | undefined;
}
