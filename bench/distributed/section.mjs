import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { medianOf } from '../median.mjs';

// Common parts of the scripts in this folder. Each script runs in a separate process, receives the addresses of the
// servers in its environment, and sends its figures.

export const quick = process.argv.includes('--quick');
export const full = process.argv.includes('--full');
export const redisUrl = process.env.BENCH_REDIS_URL;
export const postgresUrl = process.env.BENCH_POSTGRES_URL;

/** Ends together with the parent process. */
process.once('disconnect', () => process.exit(1));

/**
 * Sends the figures and exits, even if handles are still open.
 *
 * @param {readonly import('../figures.mjs').Figure[]} figures
 */
export function send(figures) {
  process.send(figures, () => process.exit(0));
}

/** The median of several samples. The first sample is dropped, because the code is compiled during it. */
export async function medianOfRuns(sample, samples = 3) {
  if (quick) return sample();
  await sample();
  const values = [];
  for (let index = 0; index < samples; index++) values.push(await sample());
  return medianOf(values);
}

/** Calls `work` with a temporary folder, which is removed afterwards. */
export async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
