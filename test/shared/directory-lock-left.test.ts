import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { takeLock } from '../../src/shared/directory-lock.js';
import { eventually } from '../distributed/servers/eventually.js';

const disk = vi.hoisted(() => ({ isReadOnly: false, isUnreadable: false }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const remove: typeof real.rm = (...args) =>
    disk.isReadOnly ? Promise.reject(Object.assign(new Error('read-only'), { code: 'EROFS' })) : real.rm(...args);
  const readFile = ((...args: Parameters<typeof real.readFile>) =>
    disk.isUnreadable && String(args[0]).endsWith('.lock')
      ? Promise.reject(Object.assign(new Error('no rights'), { code: 'EACCES' }))
      : real.readFile(...args)) as typeof real.readFile;
  return { ...real, rm: remove, readFile };
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'locks-'));
});
afterEach(async () => {
  vi.useRealTimers();
  disk.isReadOnly = disk.isUnreadable = false;
  await rm(directory, { recursive: true, force: true });
});

/** Releases a lock whose file cannot be removed, because the disk has become read-only. */
async function leaveLock() {
  const path = join(directory, 'run.lock');
  const { lock } = await takeLock(path);
  disk.isReadOnly = true;
  await expect(lock?.release()).rejects.toMatchObject({ code: 'EROFS' });
  return { path, lock };
}

it('a lock that its program has released, but whose file it could not remove, is free for that program', async () => {
  const { path, lock } = await leaveLock();
  disk.isReadOnly = false;
  const second = await takeLock(path);
  expect(second.lock).toBeDefined();
  expect(await lock?.isOwn()).toBe(false);
  await second.lock?.release();
  expect(await readdir(directory)).toEqual([]);
});

it('a lock that could not be removed is removed later, when that is possible', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  await leaveLock();
  await vi.advanceTimersByTimeAsync(6_000);
  expect(await readdir(directory)).toEqual(['run.lock']);
  disk.isReadOnly = false;
  await vi.advanceTimersByTimeAsync(6_000);
  await eventually(async () => expect(await readdir(directory)).toEqual([]));
});

it('a lock that could not be removed stays free for its program while its file cannot be read', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { path } = await leaveLock();
  disk.isUnreadable = true;
  await vi.advanceTimersByTimeAsync(6_000);
  disk.isReadOnly = disk.isUnreadable = false;
  const again = await takeLock(path);
  expect(again.lock).toBeDefined();
  await again.lock?.release();
});
