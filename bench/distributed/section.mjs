import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { medianOf } from '../median.mjs';

// What the scripts of this folder have in common. Each runs in a process of its own, which is told where the servers
// are, and sends its figures.

export const quick = process.argv.includes('--quick');
export const full = process.argv.includes('--full');
export const redisUrl = process.env.BENCH_REDIS_URL;
export const postgresUrl = process.env.BENCH_POSTGRES_URL;

/** Ends with the process that started this one. */
process.once('disconnect', () => process.exit(1));

/**
 * Sends the figures and ends, whatever is still open.
 *
 * @param {readonly import('../figures.mjs').Figure[]} figures
 */
export function send(figures) {
  process.send(figures, () => process.exit(0));
}

/** The median of some samples; one before them is thrown away, for in it the code gets compiled. */
export async function medianOfRuns(sample, samples = 3) {
  if (quick) return sample();
  await sample();
  const values = [];
  for (let index = 0; index < samples; index++) values.push(await sample());
  return medianOf(values);
}

/** Calls `work` with a folder that is there for so long. */
export async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
