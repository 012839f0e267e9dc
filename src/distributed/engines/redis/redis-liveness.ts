import type { Engine, LivenessStore, WorkerHealth, WorkerReport } from '../../contracts.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const heartbeat = new Script('heartbeat');
const day = 86_400_000;

export class RedisLiveness implements LivenessStore {
  constructor(
    readonly engine: Engine,
    private readonly core: RedisCore,
  ) {}

  async heartbeat(report: WorkerReport): Promise<number> {
    const { reports, beats } = this.core.keys;
    const args = [report.workerId, JSON.stringify(report)];
    return Number(await heartbeat.run(await this.core.connection(), [reports, beats], args));
  }

  async remove(workerId: string): Promise<void> {
    const connection = await this.core.connection();
    const { reports, beats } = this.core.keys;
    await Promise.all([connection.hdel(reports, workerId), connection.zrem(beats, workerId)]);
  }

  async list(): Promise<WorkerHealth[]> {
    const connection = await this.core.connection();
    const { reports, beats } = this.core.keys;
    const [texts, times, [seconds, micros]] = await Promise.all([
      connection.hgetall(reports),
      connection.zrange(beats, '0', '-1', 'WITHSCORES'),
      connection.time(),
    ]);
    const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    const workers: WorkerHealth[] = [];
    for (let at = 0; at < times.length; at += 2) {
      const text = texts[times[at] as string];
      const age = Math.max(0, now - Number(times[at + 1]));
      if (text === undefined || age > day) continue;
      const report = JSON.parse(text) as WorkerReport;
      workers.push({ ...report, age, alive: age < report.expectedWithin });
    }
    return workers;
  }
}
