import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { pglite } from 'orchestrator/distributed';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../src/directory-lock.js';
import { rejection } from '../support.js';
import type { Told } from './faults/fixtures/messages.js';
import { startWorkerProcess } from './servers/processes.js';
import { removeDirectory, temporaryDirectory } from './servers/reaper.js';

async function inDirectory(work: (directory: string, lock: string) => Promise<void>) {
  const parent = await temporaryDirectory();
  try {
    await work(`${parent}/data`, `${parent}/data.lock`);
  } finally {
    await removeDirectory(parent);
  }
}

const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;
const write = (lock: string, holder: object) => writeFile(lock, JSON.stringify(holder));

describe('a directory of pglite', () => {
  it(
    'is refused to a second process, and open to it when the first has died',
    () =>
      inDirectory(async (directory) => {
        const first = startWorkerProcess<Told>({
          module: new URL('./faults/fixtures/worker.ts', import.meta.url),
          env: { WORKER_PROCESS: '1', ENGINE: JSON.stringify({ kind: 'pglite', address: directory, options: {} }) },
        });
        await first.waitFor(({ type }) => type === 'ready', 30_000);
        const engine = pglite(directory);
        expect(await rejection(engine.open())).toMatchObject({
          name: 'LockedError',
          code: 'ERR_LOCKED',
          directory,
          holder: `process ${first.pid} on ${hostname()}`,
        });
        await engine.close();
        await first.kill();
        expect(existsSync(`${directory}.lock`)).toBe(true);
        const second = pglite(directory);
        await second.open();
        expect(await second.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
        await second.close();
        expect(existsSync(`${directory}.lock`)).toBe(false);
      }),
    60_000,
  );
});

describe('a lock', () => {
  it('is held by one, and leaves nothing behind', () =>
    inDirectory(async (directory, lock) => {
      const unlock = await lockDirectory(directory);
      expect(await rejection(lockDirectory(directory))).toMatchObject({ code: 'ERR_LOCKED' });
      expect(JSON.parse(await readFile(lock, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
      await unlock();
      await (await lockDirectory(directory))();
      expect(await readdir(dirname(directory))).toEqual([]);
    }));

  it('is taken by one of those that try at the same moment', () =>
    inDirectory(async (directory, lock) => {
      for (let round = 0; round < 25; round++) {
        await write(lock, { pid: deadPid(), host: hostname(), started: '1' });
        const all = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)));
        const locked = all.filter((result) => result.status === 'fulfilled');
        expect(locked).toHaveLength(1);
        await locked[0]?.value();
      }
    }));

  it.each([
    ['a process that has ended', () => ({ pid: deadPid(), host: hostname(), started: '1' })],
    ['a process whose number another has now', () => ({ pid: process.ppid, host: hostname(), started: '1' })],
    ['this process, in an earlier life', () => ({ pid: process.pid, host: hostname(), started: '1' })],
  ])('of %s is taken over', (_, holder) =>
    inDirectory(async (directory, lock) => {
      await write(lock, holder());
      await (await lockDirectory(directory))();
    }),
  );

  it('that a loss of power has left empty is taken over', () =>
    inDirectory(async (directory, lock) => {
      await writeFile(lock, '');
      await (await lockDirectory(directory))();
    }));

  it('of another machine is taken over when it has been silent for half a minute', () =>
    inDirectory(async (directory, lock) => {
      await write(lock, { pid: 1, host: 'elsewhere', started: '1' });
      expect(await rejection(lockDirectory(directory))).toMatchObject({ holder: 'process 1 on elsewhere' });
      const before = new Date(Date.now() - 31_000);
      await utimes(lock, before, before);
      await (await lockDirectory(directory))();
    }));

  it('that cannot be made is an error that says where', () =>
    inDirectory(async (directory) => {
      expect(await rejection(lockDirectory(`${directory}/missing/data`))).toMatchObject({ code: 'ENOENT' });
    }));
});
