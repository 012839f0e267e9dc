import type { Engine, LivenessStore, WorkerHealth, WorkerReport } from '../../contracts.js';
import type { SqlCore } from './sql-core.js';

export class SqlLiveness implements LivenessStore {
  constructor(
    readonly engine: Engine,
    private readonly core: SqlCore,
  ) {}

  async heartbeat(report: WorkerReport): Promise<number> {
    const [row] = await this.core.query('heartbeat', [report.workerId, JSON.stringify(report)]);
    return Number(row?.now);
  }

  async remove(workerId: string): Promise<void> {
    await this.core.query('remove-worker', [workerId]);
  }

  async list(): Promise<WorkerHealth[]> {
    const rows = await this.core.query('list-workers');
    return rows.map((row) => {
      const report = JSON.parse(row.report as string) as WorkerReport;
      const age = Math.max(0, Number(row.age));
      return { ...report, age, alive: age < report.expectedWithin };
    });
  }
}
