import type { LoopHost } from '../host.js';
import type { LoopManager } from '../manager/loop-manager.js';
import type { LoopPlan } from '../plan.js';
import { type LoopReport, type LoopShape, type PooledLoop, shapeOfPlan } from './pool.js';

/** A loop on the event loop of this program. Implements the pool `async`. */
export class AsyncLoop implements PooledLoop {
  #shape: LoopShape | undefined = undefined;
  #newManager: ((host: LoopHost) => LoopManager) | undefined = undefined;
  #manager: LoopManager | undefined = undefined;

  /**
   * @param load - returns the plan of the loop, and the `LoopManager` of the copy of this package that created the loop
   */
  constructor(
    private readonly load: () => Promise<{ readonly plan: LoopPlan; readonly LoopManager: typeof LoopManager }>,
  ) {}

  async prepare(): Promise<LoopShape> {
    if (this.#shape !== undefined) return this.#shape;
    const { plan, LoopManager } = await this.load();
    this.#newManager = (host) => new LoopManager(plan, host);
    this.#shape = shapeOfPlan(plan);
    return this.#shape;
  }

  start(host: LoopHost, options: { readonly paused: boolean }) {
    this.#manager = (this.#newManager as (host: LoopHost) => LoopManager)(host);
    return this.#manager.start(options);
  }

  async pause(): Promise<void> {
    await this.#manager?.pause();
  }

  resume(): void {
    this.#manager?.resume();
  }

  stop(options: { readonly drain: boolean }): void {
    this.#manager?.stop(options);
  }

  abort(reason: Error): void {
    this.#manager?.abort(reason);
  }

  /** Returns false, because code on the event loop cannot be terminated from outside. */
  async terminate(): Promise<boolean> {
    return false;
  }

  replay(nodeId: string, value: unknown): void {
    this.#manager?.replay(nodeId, value);
  }

  report(): LoopReport | undefined {
    return this.#manager?.metrics();
  }
}
