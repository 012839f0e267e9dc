import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pglite } from 'orchestrator/distributed';
import { describe, expect, it, vi } from 'vitest';
import { lockDirectory } from '../../src/shared/directory-lock.js';
import type { Told } from '../distributed/faults/fixtures/messages.js';
import { eventually } from '../distributed/servers/eventually.js';
import { startWorkerProcess } from '../distributed/servers/processes.js';
import { guardProcess, removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { compiled } from '../programs/compiled.js';
import { rejection } from '../support.js';

/** Number of waits of any kind. */
const waits = vi.hoisted(() => ({ count: 0 }));

vi.mock('node:timers/promises', async (original) => {
  const real = await original<typeof import('node:timers/promises')>();
  const setTimeout = ((...args: Parameters<typeof real.setTimeout>) => {
    waits.count += 1;
    return real.setTimeout(...args);
  }) as typeof real.setTimeout;
  return { ...real, setTimeout };
});

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
          module: new URL('../distributed/faults/fixtures/worker.ts', import.meta.url),
          env: { WORKER_PROCESS: '1', ENGINE: JSON.stringify({ kind: 'pglite', address: directory, options: {} }) },
        });
        await first.waitFor(({ type }) => type === 'ready', 250_000);
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
    300_000,
  );
});

describe('a lock', () => {
  it('is held by one process, and leaves nothing behind', () =>
    inDirectory(async (directory, lock) => {
      const unlock = await lockDirectory(directory);
      expect(await rejection(lockDirectory(directory))).toMatchObject({ code: 'ERR_LOCKED' });
      expect(JSON.parse(await readFile(lock, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
      await unlock();
      await (await lockDirectory(directory))();
      expect(await readdir(dirname(directory))).toEqual([]);
    }));

  it('is taken by one of several processes that try at the same time', () =>
    inDirectory(async (directory, lock) => {
      const dead = { pid: deadPid(), host: hostname(), started: '1' };
      for (let round = 0; round < 25; round++) {
        await write(lock, dead);
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

  it('that a power failure has left empty is taken over', () =>
    inDirectory(async (directory, lock) => {
      await writeFile(lock, '');
      await (await lockDirectory(directory))();
    }));

  it('of another machine is taken over after half a minute of silence', () =>
    inDirectory(async (directory, lock) => {
      await write(lock, { pid: 1, host: 'elsewhere', started: '1' });
      expect(await rejection(lockDirectory(directory))).toMatchObject({ holder: 'process 1 on elsewhere' });
      const before = new Date(Date.now() - 31_000);
      await utimes(lock, before, before);
      await (await lockDirectory(directory))();
    }));

  it.skipIf(process.platform !== 'linux')(
    'of a container or machine of the same name, whose processes cannot be seen, is as of another machine',
    () =>
      inDirectory(async (directory, lock) => {
        const unlock = await lockDirectory(directory);
        const own = JSON.parse(await readFile(lock, 'utf8')) as { space: string };
        await unlock();
        const [machine, namespace] = own.space.split('/');
        // Pid namespaces of two machines may have the same id.
        for (const space of [`${machine}/pid:[1]`, `00000000-0000-4000-8000-000000000000/${namespace}`, namespace]) {
          await write(lock, { pid: deadPid(), host: hostname(), space, started: '1' });
          expect(await rejection(lockDirectory(directory))).toMatchObject({ code: 'ERR_LOCKED' });
          const before = new Date(Date.now() - 31_000);
          await utimes(lock, before, before);
          await (await lockDirectory(directory))();
        }
      }),
  );

  it('whose process was killed while taking it, by any version, is taken over at once, and nothing is left', () =>
    inDirectory(async (directory, lock) => {
      const dead = { pid: deadPid(), host: hostname(), started: '1' };
      await write(lock, dead);
      await write(`${lock}.guard`, dead);
      await write(`${lock}.${randomUUID()}`, dead);
      waits.count = 0;
      const unlock = await lockDirectory(directory);
      expect(waits.count).toBe(0);
      expect(await readdir(dirname(directory))).toEqual(['data.lock']);
      await unlock();
      expect(await readdir(dirname(directory))).toEqual([]);
    }));

  it('leaves other files alone, and the files of living processes', () =>
    inDirectory(async (directory, lock) => {
      const alive = { pid: process.ppid, host: hostname(), started: undefined };
      const others = [`${lock}.backup`, `${lock}ed`, `${directory}.lock2`, `${lock}.${randomUUID()}.old`];
      for (const name of others) await writeFile(name, '');
      await write(`${lock}.${randomUUID()}`, alive);
      const young = `${lock}.${randomUUID()}`;
      await writeFile(young, '');
      const before = await readdir(dirname(directory));
      await (await lockDirectory(directory))();
      expect(await readdir(dirname(directory))).toEqual(before);
      const longAgo = new Date(Date.now() - 31_000);
      await utimes(young, longAgo, longAgo);
      await (await lockDirectory(directory))();
      expect(await readdir(dirname(directory))).toHaveLength(before.length - 1);
    }));

  it('that another process took over after silence is neither released nor touched', () =>
    inDirectory(async (directory, lock) => {
      const unlock = await lockDirectory(directory);
      await write(lock, { pid: 1, host: 'elsewhere', started: '1', id: 'other' });
      await unlock();
      expect(JSON.parse(await readFile(lock, 'utf8'))).toMatchObject({ host: 'elsewhere' });
    }));

  it('that cannot be created is an error that names the path', () =>
    inDirectory(async (directory) => {
      expect(await rejection(lockDirectory(`${directory}/missing/data`))).toMatchObject({ code: 'ENOENT' });
    }));
});

describe.skipIf(process.platform === 'win32')('processes that are killed', () => {
  const program = () => compiled(new URL('./fixtures/locker.ts', import.meta.url));

  function start(directory: string, step: number) {
    const child = spawn(process.execPath, [program(), directory, String(step)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    guardProcess(child);
    return child;
  }

  it.each([
    ['a lock that is free', false],
    ['a lock whose holder has died, as a taker of it has', true],
  ])(
    'at any step hold nobody up and leave nothing: %s',
    (_name, isTaken) =>
      inDirectory(async (directory, lock) => {
        const dead = { pid: deadPid(), host: hostname(), started: '1' };
        const here = createHash('sha256').update(hostname()).digest('hex').slice(0, 16);
        let step = 0;
        for (let isKilled = true; isKilled; ) {
          if (isTaken) {
            await write(lock, dead);
            await write(`${lock}.guard`, dead);
            await writeFile(`${lock}.${dead.pid}-1-${here}-${randomUUID()}.take`, '');
          }
          const [, signal] = await once(start(directory, ++step), 'exit');
          isKilled = signal === 'SIGKILL';
          await (await lockDirectory(directory))();
          const files = await readdir(dirname(directory));
          expect(files.filter((name) => !name.includes('0123456789abcdef'))).toEqual([]);
        }
        expect(step).toBeGreaterThan(isTaken ? 12 : 6);
      }),
    300_000,
  );

  it(
    'at any time leave the lock to one of the others',
    () =>
      inDirectory(async (directory) => {
        await mkdir(directory);
        let had = 0;
        const both: string[] = [];
        const children = new Set<ReturnType<typeof start>>();
        const add = () => {
          const child = start(directory, 0);
          children.add(child);
          child.stdout.setEncoding('utf8').on('data', (text: string) => {
            had += text.split('had').length - 1;
            if (text.includes('both')) both.push(text);
          });
        };
        for (let count = 0; count < 4; count++) add();
        for (let kill = 0; kill < 15 || had < 30; kill++) {
          // If processes start slowly, a process that is killed after a fixed time may never have had the lock.
          const before = had;
          await eventually(() => had > before, { timeout: 200_000, interval: 1 });
          await sleep(Math.random() * 150);
          const [first] = children;
          if (first === undefined) continue;
          children.delete(first);
          first.kill('SIGKILL');
          add();
        }
        const ends = [...children].map((child) => once(child, 'exit'));
        for (const child of children) child.kill('SIGKILL');
        await Promise.all(ends);
        expect(both).toEqual([]);
        await (await lockDirectory(directory))();
        expect(await readdir(dirname(directory))).toEqual(['data']);
      }),
    300_000,
  );
});
