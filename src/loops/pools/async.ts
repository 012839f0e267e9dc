import type { LoopHost } from '../host.js';
import type { LoopManager } from '../manager/loop-manager.js';
import type { LoopPlan } from '../plan.js';
import { type HostedLoop, type LoopReport, type LoopShape, shapeOfPlan } from './pool.js';

/** A loop, and what carries it out: that of the copy of this package that it is made with. */
export interface Hosted {
  readonly plan: LoopPlan;
  readonly LoopManager: typeof LoopManager;
}

/** A loop on the event loop of this program. */
export class AsyncLoop implements HostedLoop {
  #hosted: Hosted | undefined = undefined;
  #manager: LoopManager | undefined = undefined;

  /** @param given - the loop, or what loads it */
  constructor(private readonly given: Hosted | (() => Promise<Hosted>)) {}

  async prepare(): Promise<LoopShape> {
    this.#hosted ??= typeof this.given === 'function' ? await this.given() : this.given;
    return shapeOfPlan(this.#hosted.plan);
  }

  start(host: LoopHost, options: { readonly paused: boolean }) {
    const { plan, LoopManager } = this.#hosted as Hosted;
    this.#manager = new LoopManager(plan, host);
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
