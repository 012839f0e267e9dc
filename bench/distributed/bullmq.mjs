import { PGlite } from '@electric-sql/pglite';
import { createPostgresBackend, createRedisBackend, runMigrations, withBackend } from 'bullmq';
import { rate } from '../figures.mjs';
import { PGlitePool } from './pglite-pool.mjs';
import { inFolder, medianOfRuns, postgresUrl, quick, redisUrl, send } from './section.mjs';

// BullMQ alone, with jobs that do nothing. All jobs are queued before the only worker starts.

const [engine, ...concurrencies] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const sizes = sizesOf(engine);
const group = 'BullMQ alone, trivial jobs';
const words = { redis: 'Redis', postgres: 'Postgres', pglite: 'PGlite' };
let queues = 0;

const measures = {
  redis: () => {
    const { hostname: host, port } = new URL(redisUrl);
    return rates(createRedisBackend, { host, port: Number(port) });
  },
  postgres: () => rates(createPostgresBackend, { connectionString: postgresUrl, migrate: true }),
  pglite: () => inFolder(measurePGlite),
};
send(await measures[engine]());

async function measurePGlite(folder) {
  const database = await PGlite.create(folder);
  const pool = new PGlitePool(database);
  await runMigrations(pool);
  await pool.query('SET search_path TO bullmq');
  const figures = await rates(createPostgresBackend, pool);
  await database.close();
  return figures;
}

/** Returns one figure per concurrency. */
async function rates(backend, connection) {
  const figures = [];
  for (const concurrency of concurrencies.map(Number)) {
    const jobs = sizes[concurrency];
    const value = await medianOfRuns(() => sampleOf(backend, { connection, concurrency, jobs }));
    figures.push(rate(`bullmq.${engine}.${concurrency}`, group, `${words[engine]}, concurrency ${concurrency}`, value));
  }
  return figures;
}

/** Jobs per second, from the start of the worker to the completion of the last job. */
async function sampleOf(backend, { connection, concurrency, jobs }) {
  const { Queue, Worker } = withBackend(backend);
  const name = `bench-${++queues}`;
  const queue = new Queue(name, { connection });
  for (let added = 0; added < jobs; added += 1_000) {
    const batch = Array.from({ length: Math.min(1_000, jobs - added) }, (_, index) => ({
      name: 'trivial',
      data: { value: added + index },
    }));
    await queue.addBulk(batch);
  }
  const worker = new Worker(name, async ({ data }) => data.value + 1, { connection, concurrency, autorun: false });
  await worker.waitUntilReady();
  globalThis.gc();
  const start = performance.now();
  await new Promise((resolve, reject) => {
    let completed = 0;
    worker.on('completed', () => {
      if (++completed === jobs) resolve();
    });
    worker.on('failed', (_, error) => reject(error));
    worker.on('error', reject);
    worker.run().catch(reject);
  });
  const duration = performance.now() - start;
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return (jobs * 1e3) / duration;
}

function sizesOf(engine) {
  if (quick) return { 1: 50, 10: 200, 100: 200 };
  return engine === 'redis' ? { 1: 2_000, 10: 5_000, 100: 10_000 } : { 1: 500, 10: 1_500, 100: 2_000 };
}
