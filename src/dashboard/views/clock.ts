import type { DistributedOrchestrator } from '../../distributed/index.js';
import { partly } from './partly.js';

/** Milliseconds for which a measured difference between the clocks is used. */
const freshFor = 60_000;

/** A position after the last entry of any journal. Reading from here returns no entries, only the engine's time. */
const behindAll = 2 ** 31 - 1;

/** The engine's clock. Every read of a journal also returns the engine's current time, which sets this clock. */
export class EngineClock {
  #skew = 0;
  #heardAt = -Infinity;

  /** The current time by the engine's clock, in epoch milliseconds. */
  get now(): number {
    return Date.now() + this.#skew;
  }

  hear(now: number): void {
    this.#skew = now - Date.now();
    this.#heardAt = performance.now();
  }

  /** Asks the engine for its time. An unknown run leaves the clock unchanged. */
  async ask({ engine }: DistributedOrchestrator, runId: string): Promise<void> {
    const tail = await engine.checkpointStore.read(runId, behindAll);
    if (tail !== undefined) this.hear(tail.now);
  }

  /**
   * Asks the engine for its time if the last answer is too old. If there are no runs, the clock of this process is
   * used.
   */
  async measure(orchestrator: DistributedOrchestrator): Promise<void> {
    if (performance.now() - this.#heardAt < freshFor) return;
    const { runs } = await orchestrator.listRuns({ limit: 1 }, partly);
    for (const { runId } of runs) await this.ask(orchestrator, runId);
  }
}
