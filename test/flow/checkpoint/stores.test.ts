import { join } from 'node:path';
import { checkpointStoreConformanceOf } from 'orchestrator/distributed/testing';
import { FileCheckpointStore, MemoryCheckpointStore } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { removeDirectory, temporaryDirectory } from '../../distributed/servers/reaper.js';

const framework = {
  describe,
  it: (name: string, test: () => Promise<void>) => it(name, test, 60_000),
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
  checkpointStoreConformanceOf({ name: 'a checkpoint store in files', create: make }, framework);
});
