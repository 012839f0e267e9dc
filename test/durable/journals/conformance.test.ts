import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { FileJournalStore } from '../../../src/durable/journals/file/file-store.js';
import { pathsOf } from '../../../src/durable/journals/file/paths.js';
import { MemoryJournalStore } from '../../../src/durable/journals/memory-store.js';
import { journalStoreConformanceOf } from '../../../src/durable/testing/conformance/index.js';
import { startWorkerProcess } from '../../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../../distributed/servers/reaper.js';

const framework = { describe, it, beforeAll, afterAll };

const memory = new MemoryJournalStore();
journalStoreConformanceOf(
  {
    name: 'a journal in memory',
    create: async () => memory,
    loseRun: async (id) => memory.supersede(id),
  },
  framework,
);

describe.each(['machine', 'process'] as const)('files (sync: %s)', (sync) => {
  let directory = '';
  beforeAll(async () => {
    directory = join(await temporaryDirectory(), 'not', 'there', 'yet');
  });
  afterAll(() => removeDirectory(join(directory, '..', '..', '..')));
  const create = async () => new FileJournalStore(directory, sync);
  const openAndDie = async (id: string) => {
    const module = new URL('./fixtures/owner.ts', import.meta.url);
    const program = startWorkerProcess<string>({ module, env: { DIRECTORY: directory, ID: id } });
    await program.waitFor((message) => message === 'holds');
    await program.kill();
  };
  /**
   * Makes the lock look like one of another machine that has been silent for long. The lock is checked again after a
   * second.
   */
  const loseRun = async (id: string) => {
    const { lock } = pathsOf(directory, id);
    await sleep(1_100);
    await writeFile(lock, JSON.stringify({ pid: 1, host: 'elsewhere', id: 'another' }));
    await utimes(lock, 1, 1);
  };
  journalStoreConformanceOf({ name: 'a journal in files', create, again: create, openAndDie, loseRun }, framework);
});
