import type { LoopHost } from '../host.js';
import type { LoopManager } from '../manager/loop-manager.js';
import type { LoopPlan } from '../plan.js';
import { type LoopReport, type LoopShape, type PooledLoop, shapeOfPlan } from './pool.js';

/** A loop on the event loop of this program. */
export class AsyncLoop implements PooledLoop {
  #shape: LoopShape | undefined = undefined;
  #newManager: ((host: LoopHost) => LoopManager) | undefined = undefined;
  #manager: LoopManager | undefined = undefined;

  /** @param load - gives the loop, and what carries it out: that of the copy of this package that the loop is made with */
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

  /** Code on the event loop ends by itself or not at all. */
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
