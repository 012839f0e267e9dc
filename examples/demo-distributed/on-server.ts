import { once } from 'node:events';
import { type Engine, postgres, redis } from 'orchestrator/distributed';
import { carryOut, createOrchestrator, jobsIn, runIdsOf } from './fleet.js';
import { nodesOf } from './flow.js';
import { type Program, startProgram } from './processes.js';
import type { Result, Scenario } from './scenario.js';

/** Separates the keys and tables of the demo from all others. */
const prefix = 'orchestrator_demo';

/** The engine that the environment names: Redis if both are given. */
export function serverEngine({ REDIS_URL, DATABASE_URL } = process.env): Engine {
  if (REDIS_URL !== undefined) return redis(REDIS_URL, { prefix });
  if (DATABASE_URL !== undefined) return postgres(DATABASE_URL, { prefix });
  throw new Error('REDIS_URL or DATABASE_URL has to be set');
}

/** A server engine: three workers in separate processes, one of which is killed after half of the requests. */
export const onServer: Scenario = {
  get engine() {
    return serverEngine().name;
  },
  fleet: 'an orchestrator here, three workers in processes of their own',

  async run({ orders, url, asked, print, onStatus }): Promise<Result> {
    const name = `demo-${Date.now()}`;
    const runIds = runIdsOf(name, orders);
    const engine = serverEngine();
    const orchestrator = createOrchestrator(engine);
    const workers = await Promise.all([1, 2, 3].map((number) => startWorkerProcess(`${name}-worker-${number}`, url)));
    try {
      const half = nodesOf(1).length * orders * 0.5;
      const killing = asked(Math.floor(half)).then(async () => {
        workers[1]?.child.kill('SIGKILL');
        const killed = (await workers[1]?.ended) ?? '';
        print(`one of the three workers has ended by ${killed}; the others go on`);
        return killed;
      });
      const outcome = await carryOut(orchestrator, runIds, onStatus);
      const killed = await killing;
      await stopAll(workers);
      const left = await jobsIn(engine);
      await Promise.all(runIds.map((runId) => orchestrator.deleteRun(runId)));
      return { outcome, left, killed };
    } finally {
      for (const { child } of workers) child.kill('SIGKILL');
      await orchestrator.close();
      await engine.close();
    }
  },
};

async function startWorkerProcess(id: string, url: string): Promise<Program> {
  const program = startProgram(new URL('worker.ts', import.meta.url), [id, url]);
  const tooEarly = program.ended.then((how) => Promise.reject(new Error(`a worker has ended with ${how}, too early`)));
  await Promise.race([once(program.child, 'message'), tooEarly]);
  tooEarly.catch(() => undefined);
  return program;
}

async function stopAll(workers: readonly Program[]): Promise<void> {
  for (const { child } of workers) child.kill('SIGTERM');
  await Promise.all(workers.map(({ ended }) => ended));
}
