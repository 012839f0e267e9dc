import type { LoopHost } from '../host.js';
import { LoopManager } from '../manager/loop-manager.js';
import type { LoopPlan } from '../plan.js';
import { type HostedLoop, type LoopReport, type LoopShape, shapeOfPlan } from './pool.js';

/** A loop on the event loop of this program. */
export class AsyncLoop implements HostedLoop {
  #plan: LoopPlan | undefined = undefined;
  #manager: LoopManager | undefined = undefined;

  /** @param planned - the loop, or what loads it */
  constructor(private readonly planned: LoopPlan | (() => Promise<LoopPlan>)) {}

  async prepare(): Promise<LoopShape> {
    this.#plan ??= typeof this.planned === 'function' ? await this.planned() : this.planned;
    return shapeOfPlan(this.#plan);
  }

  start(host: LoopHost, options: { readonly paused: boolean }) {
    this.#manager = new LoopManager(this.#plan as LoopPlan, host);
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
