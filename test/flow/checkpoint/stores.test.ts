import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkpointStoreConformanceOf } from 'orchestrator/distributed/testing';
import { FileCheckpointStore, MemoryCheckpointStore } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { removeDirectory, temporaryDirectory } from '../../distributed/servers/reaper.js';
import { dieHolding } from './holder.js';

const framework = {
  describe,
  it: (name: string, test: () => Promise<void>) => it(name, test, 120_000),
  beforeAll,
  afterAll,
};

checkpointStoreConformanceOf(
  { name: 'a checkpoint store in memory', create: async () => new MemoryCheckpointStore() },
  framework,
);

describe('files', () => {
  let directory = '';
  beforeAll(async () => {
    directory = join(await temporaryDirectory(), 'not', 'there', 'yet');
  });
  afterAll(() => removeDirectory(join(directory, '..', '..', '..')));
  const make = async () => new FileCheckpointStore(directory);
  const claimAndDie = (runId: string) => dieHolding(directory, runId);
  /**
   * Makes the lock look like one of another machine that has been silent for long. The hold is verified again after a
   * second.
   */
  const loseHold = async (runId: string) => {
    const lock = join(directory, `${runId}.run.lock`);
    await sleep(1_100);
    await writeFile(lock, JSON.stringify({ pid: 1, host: 'elsewhere', id: 'another' }));
    await utimes(lock, 1, 1);
  };
  const options = { name: 'a checkpoint store in files', create: make, again: make, claimAndDie, loseHold };
  checkpointStoreConformanceOf(options, framework);
});
