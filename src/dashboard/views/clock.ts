import type { DistributedOrchestrator } from '../../distributed/index.js';

/** For how long the clocks are taken to be as far apart as they were, in milliseconds. */
const freshFor = 60_000;

/** An entry behind the last of any journal: whoever reads from there on gets none, only what time it is. */
const behindAll = 2 ** 31 - 1;

/** The engine's clock, as far as it is known: each journal that is read says what time it is. */
export class EngineClock {
  #skew = 0;
  #heardAt = -Infinity;

  /** Now, by the engine's clock, in epoch milliseconds. */
  get now(): number {
    return Date.now() + this.#skew;
  }

  hear(now: number): void {
    this.#skew = now - Date.now();
    this.#heardAt = performance.now();
  }

  /** Asks for the time. Where the run is unknown, it stays as it is. */
  async ask({ engine }: DistributedOrchestrator, runId: string): Promise<void> {
    const tail = await engine.checkpointStore.read(runId, behindAll);
    if (tail !== undefined) this.hear(tail.now);
  }

  /** Asks for the time where it was not heard for long. While there is no run, it is that of this program. */
  async measure(orchestrator: DistributedOrchestrator): Promise<void> {
    if (performance.now() - this.#heardAt < freshFor) return;
    const { runs } = await orchestrator.listRuns({ limit: 1 });
    for (const { runId } of runs) await this.ask(orchestrator, runId);
  }
}
