import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { LoopStoreError, lmdbStore } from 'orchestrator/loops';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { killWorkerProcesses, startWorkerProcess, type WorkerProcess } from '../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { rejection } from '../support.js';
import { canHave, type Disk, disks } from './full-disk.js';
import { fixture, upTo } from './support.js';

// biome-ignore lint/suspicious/noExplicitAny: what a program tells, as its fixture has it
type Told = any;

const probe = await temporaryDirectory();
const kinds = Object.keys(disks) as (keyof typeof disks)[];
const isThere = Object.fromEntries(await Promise.all(kinds.map(async (kind) => [kind, await canHave(kind, probe)])));
await removeDirectory(probe);

let parent = '';
let disk: Disk | undefined;

beforeEach(async () => {
  parent = await temporaryDirectory();
});

afterEach(async () => {
  await killWorkerProcesses();
  await disk?.remove();
  disk = undefined;
  await removeDirectory(parent);
});

afterAll(killWorkerProcesses);

async function program(settings: object): Promise<WorkerProcess<Told>> {
  const given = {
    loops: fixture().href,
    directory: disk?.directory,
    ledger: `${parent}/ledger`,
    count: 1e6,
    ...settings,
  };
  const worker = startWorkerProcess<Told>({
    module: new URL('./fixtures/program.ts', import.meta.url),
    env: { PROGRAM: JSON.stringify(given) },
  });
  await worker.waitFor(({ type }) => type === 'started');
  return worker;
}

async function ask(worker: WorkerProcess<Told>, call: string, ...args: unknown[]): Promise<Told> {
  worker.send({ call, args });
  const types = ['done', 'state', 'pushed', 'failed', 'closed', 'health'];
  return await worker.waitFor(({ type }) => types.includes(type));
}

const text = (value: number) => `${value} ${'x'.repeat(8_000)}`;

/**
 * Pushes until a push fails.
 *
 * @returns the accepted values, and the failure
 */
async function pushUntilFull(worker: WorkerProcess<Told>, first: number) {
  for (let value = first; value < first + 500; value++) {
    const told = await ask(worker, 'push', text(value));
    if (told.type === 'failed') return { last: value - 1, failure: told };
  }
  throw new Error('the disk was never full');
}

async function pushed(worker: WorkerProcess<Told>): Promise<number> {
  const { queues } = await ask(worker, 'health');
  return queues.find(({ queue }: Told) => queue === 'numbers').pushed;
}

/** Reads the values that a killed program left in the unread queue of its store. */
async function stored(): Promise<number[]> {
  const store = lmdbStore(String(disk?.directory));
  const { messages } = await store.open();
  await store.close();
  return (messages.get('outside') ?? []).map(({ value }) => Number.parseInt(String(value), 10));
}

async function ledger(): Promise<number[]> {
  if (!existsSync(`${parent}/ledger`)) return [];
  const lines = (await readFile(`${parent}/ledger`, 'utf8')).trim().split('\n');
  return lines.map((line) => Number.parseInt(line, 10));
}

for (const kind of kinds) {
  describe.skipIf(!isThere[kind])(`a program whose store is on a full disk (${kind})`, () => {
    beforeEach(async () => {
      disk = await disks[kind](`${parent}/disk`);
    });

    it('fails pushes, stops loops, is failing meanwhile, and continues when there is room', async () => {
      const { fill, makeRoom } = disk as Disk;
      const worker = await program({ pool: 'thread' });
      await ask(worker, 'push', text(1));
      await fill(worker.pid);
      const { last, failure } = await pushUntilFull(worker, 2);
      expect(failure).toMatchObject({ code: 'ERR_LOOP_STORE', error: expect.stringContaining('cannot be written') });
      // From now on each push is refused.
      expect(await ask(worker, 'push', text(9_000))).toMatchObject({ type: 'failed', code: 'ERR_LOOP_STORE' });
      await eventually(async () => {
        const { status, store, queues } = await ask(worker, 'health');
        expect({ status, store }).toEqual({
          status: 'failing',
          store: expect.stringContaining('free space on the disk'),
        });
        // The loop that makes numbers waits.
        expect(queues.find(({ queue }: Told) => queue === 'numbers').blocked).toBe(1);
      });
      const before = await pushed(worker);
      await makeRoom(worker.pid);
      await eventually(async () => (await pushed(worker)) > before, { timeout: 60_000 });
      expect(await ask(worker, 'health')).toMatchObject({ status: 'healthy' });
      expect(await ask(worker, 'push', text(9_001))).toMatchObject({ type: 'pushed' });
      await worker.kill();
      const values = await stored();
      expect(values).toEqual(expect.arrayContaining([...upTo(last), 9_001]));
      expect(values).not.toContain(9_000);
      // The loops have skipped no value.
      const doubled = [...new Set(await ledger())];
      expect(doubled).toEqual(upTo(doubled.length).map((value) => 2 * value));
    }, 180_000);

    it('survives 15 seconds of it with few writes, and continues', async () => {
      const { fill, makeRoom } = disk as Disk;
      const worker = await program({ isIdle: true });
      await fill(worker.pid);
      const { last } = await pushUntilFull(worker, 1);
      await setTimeout(15_000);
      expect(await ask(worker, 'health')).toMatchObject({ status: 'failing' });
      // Each failed write of LMDB may damage memory. Only the first write at a limit may fail.
      const failed = worker.output.match(/^Error: .*\n +at .*lmdb/gm) ?? [];
      expect(failed.length).toBeLessThanOrEqual(kind === 'small file system' ? 0 : 1);
      await makeRoom(worker.pid);
      await eventually(async () => expect(await ask(worker, 'health')).toMatchObject({ status: 'healthy' }), {
        timeout: 60_000,
      });
      expect(await ask(worker, 'push', text(9_001))).toMatchObject({ type: 'pushed' });
      expect(await ask(worker, 'close')).toMatchObject({ type: 'closed' });
      await worker.kill();
      expect(await stored()).toEqual(expect.arrayContaining([...upTo(last), 9_001]));
    }, 180_000);

    it('loses no accepted message when it is killed while the disk is full', async () => {
      const { fill, makeRoom } = disk as Disk;
      const worker = await program({ isIdle: true });
      await fill(worker.pid);
      const { last } = await pushUntilFull(worker, 1);
      await worker.kill();
      await makeRoom(process.pid);
      expect(await stored()).toEqual(expect.arrayContaining(upTo(last)));
    });

    it('closes in time, and reports the failed writes', async () => {
      const { fill } = disk as Disk;
      const worker = await program({});
      await fill(worker.pid);
      await pushUntilFull(worker, 1);
      expect(await ask(worker, 'close')).toMatchObject({ type: 'failed', code: 'ERR_LOOP_STORE' });
      await worker.kill();
    });
  });
}

describe.skipIf(!isThere['small file system'])('a store that has filled its disk itself', () => {
  it('can be emptied, and then accepts as much again', async () => {
    disk = await disks['small file system'](`${parent}/disk`);
    const store = lmdbStore(disk.directory);
    await store.open();
    let id = 0;
    const counts: number[] = [];
    for (const _ of [1, 2, 3]) {
      const first = id;
      do {
        id++;
        store.putMessage('q', { id, queue: 'q', value: 'x'.repeat(3_000), time: 0, deliveries: 0 });
      } while (
        await store.flushed().then(
          () => true,
          () => false,
        )
      );
      for (let taken = first + 1; taken <= id; taken++) store.removeMessage('q', taken);
      await eventually(() => store.flushed(), { timeout: 60_000 });
      counts.push(id - first);
    }
    await store.close();
    expect(counts[0]).toBeGreaterThan(100);
    expect(Math.min(...counts)).toBeGreaterThan((counts[0] as number) * 0.8);
  });
});

describe.skipIf(!isThere['small file system'])('a store on a disk that is full from the beginning', () => {
  it('is refused, and opens when there is room', async () => {
    disk = await disks['small file system'](`${parent}/disk`);
    const { directory, fill, makeRoom } = disk;
    await fill(0);
    const error = await rejection(lmdbStore(directory).open());
    expect(error).toBeInstanceOf(LoopStoreError);
    expect((error as Error).message).toMatch(/cannot be opened: .*; free space on its disk$/);
    await makeRoom(0);
    const store = lmdbStore(directory);
    await store.open();
    await store.close();
  });
});
