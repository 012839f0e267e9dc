import type { Engine, LivenessStore, WorkerHealth, WorkerReport } from '../../contracts.js';

const day = 86_400_000;

export class MemoryLiveness implements LivenessStore {
  readonly #reports = new Map<string, { readonly report: WorkerReport; readonly at: number }>();

  constructor(readonly engine: Engine) {}

  async heartbeat(report: WorkerReport): Promise<number> {
    const at = Date.now();
    this.#reports.set(report.workerId, { report, at });
    return at;
  }

  async remove(workerId: string): Promise<void> {
    this.#reports.delete(workerId);
  }

  async list(): Promise<WorkerHealth[]> {
    const now = Date.now();
    for (const [workerId, { at }] of this.#reports) if (now - at > day) this.#reports.delete(workerId);
    return [...this.#reports.values()].map(({ report, at }) => {
      const age = now - at;
      return { ...report, age, alive: age < report.expectedWithin };
    });
  }
}
