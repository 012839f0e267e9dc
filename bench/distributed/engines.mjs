import { memory, OrchestratorBuilder, pglite, postgres, redis } from '../../dist/distributed/index.js';
import { inFolder, postgresUrl, redisUrl } from './section.mjs';
import { workflows } from './workflows.mjs';

export const words = { memory: 'memory', redis: 'Redis', postgres: 'Postgres', pglite: 'PGlite' };

/** Engines that several processes can use. */
export const shared = {
  redis: () => redis(redisUrl),
  postgres: () => postgres(postgresUrl),
};

/** Calls `work` with an engine, which is closed afterwards. */
export async function withEngine(name, work) {
  if (name === 'pglite') return inFolder((folder) => using(pglite(folder), work));
  return using(name === 'memory' ? memory() : shared[name](), work);
}

async function using(engine, work) {
  const builder = new OrchestratorBuilder().engine(engine);
  for (const workflow of workflows) builder.workflow(workflow);
  const orchestrator = builder.build();
  try {
    return await work(engine, orchestrator);
  } finally {
    await orchestrator.close();
    await engine.close();
  }
}
