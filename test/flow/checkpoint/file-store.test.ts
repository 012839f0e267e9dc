import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Checkpoint, CheckpointError, FileCheckpointStore, Flow, LockedError } from 'orchestrator/flow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection } from '../../support.js';
import { startHolder } from './holder.js';

/** The promise that the disk waits for before a replacement file is written. Default: none. */
const disk = vi.hoisted(() => ({ slowed: undefined as Promise<void> | undefined }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const open: typeof real.open = async (...args) => {
    const file = await real.open(...args);
    const { slowed } = disk;
    if (slowed === undefined || !String(args[0]).endsWith('.new')) return file;
    const datasync = file.datasync.bind(file);
    return Object.assign(file, { datasync: () => slowed.then(datasync) });
  };
  return { ...real, open };
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-store-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const file = () => join(directory, 'run.run');

/** A run with a snapshot and entries, and the position in the file at which each of them ends. */
async function written(entries: readonly string[], snapshot = 'the snapshot', seq = 4) {
  const store = new FileCheckpointStore(directory);
  await store.save('run', snapshot, seq);
  const ends = [(await readFile(file())).length];
  for (const [index, entry] of entries.entries()) {
    await store.append('run', seq + index + 1, entry);
    ends.push((await readFile(file())).length);
  }
  const whole = { snapshot, seq, entries: [...entries] };
  return { store, ends, whole, bytes: await readFile(file()) };
}

const load = () => new FileCheckpointStore(directory).load('run');

describe('a file that is damaged', () => {
  it('is never read as anything but what was written, whichever bit is flipped', async () => {
    const { ends, whole, bytes } = await written(['{"one":1}', 'a\ud800b']);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      const at = bit >> 3;
      flipped[at] = (flipped[at] as number) ^ (1 << (bit & 7));
      await writeFile(file(), flipped);
      const error = await rejection(load());
      expect(error, `bit ${bit}`).toBeInstanceOf(CheckpointError);
      const number = ends.findIndex((end) => at < end);
      const what = number === 0 ? 'its snapshot' : `entry ${whole.seq + number} (at byte ${ends[number - 1]})`;
      expect((error as Error).message).toContain(`is damaged in "${file()}": ${what} differs from what was written`);
    }
  }, 300_000);

  it('is not written either, until it is cut where its message says', async () => {
    const { ends, bytes } = await written(['one', 'two', 'three']);
    const damaged = Buffer.from(bytes);
    damaged[(ends[1] as number) + 51] = 0x40;
    await writeFile(file(), damaged);
    const store = new FileCheckpointStore(directory);
    expect(await rejection(store.append('run', 8, 'four'))).toMatchObject({ name: 'CheckpointError' });
    const error = await rejection(store.save('run', 'later', 7));
    const [, length] = /cut the file to (\d+) bytes to continue from entry 5/.exec((error as Error).message) ?? [];
    expect(await readFile(file())).toEqual(damaged);
    expect(await readdir(directory)).toEqual(['run.run']);
    await truncate(file(), Number(length));
    expect(await load()).toEqual({ snapshot: 'the snapshot', seq: 4, entries: ['one'] });
    await store.append('run', 6, 'two');
    expect((await load())?.entries).toEqual(['one', 'two']);
    await store.delete('run');
    expect(await readdir(directory)).toEqual([]);
  });

  it('is an error where a whole record is missing, twice there, or of another run of numbers', async () => {
    const { ends, bytes } = await written(['one', 'two', 'three']);
    const part = (index: number) => bytes.subarray(ends[index - 1] ?? 0, ends[index]);
    const wrong: Record<string, readonly number[]> = {
      missing: [0, 2, 3],
      twice: [0, 1, 1, 2],
      'out of order': [0, 2, 1, 3],
      'without a snapshot': [1, 2],
      'with two snapshots': [0, 0, 1],
    };
    for (const [how, parts] of Object.entries(wrong)) {
      await writeFile(file(), Buffer.concat(parts.map(part)));
      expect(await rejection(load()), how).toBeInstanceOf(CheckpointError);
    }
  });

  it('fails a resume, and the run can be resumed once it is restored', async () => {
    const checkpoint = new FileCheckpointStore(directory);
    const calls: string[] = [];
    const flow = new Flow('f')
      .node('a', () => void calls.push('a'))
      .wait('w')
      .edge('a', 'w');
    await flow.run({}, { runId: 'run', checkpoint });
    const bytes = await readFile(file());
    const damaged = Buffer.from(bytes);
    damaged[200] = (damaged[200] as number) ^ 1;
    await writeFile(file(), damaged);
    expect(await rejection(flow.resume('run', { checkpoint }))).toBeInstanceOf(CheckpointError);
    await writeFile(file(), bytes);
    expect((await flow.resume('run', { checkpoint, events: { w: 1 } })).status).toBe('completed');
    expect(calls).toEqual(['a']);
  });
});

describe('a file whose end a crash has cut', () => {
  it.each([
    ['off', () => Buffer.alloc(0)],
    ['and filled with zeros', (missing: number) => Buffer.alloc(missing)],
  ])('%s goes on from its last whole entry', async (_, filling) => {
    const entries = ['one', '☂ two\nlines ☂', '"three"', 'ü'.repeat(20), 'a\ud800'];
    const { ends, bytes } = await written(entries);
    for (let length = ends[0] as number; length < bytes.length; length++) {
      const whole = ends.findLastIndex((end) => end <= length);
      const missing = filling((ends[whole + 1] as number) - length);
      // If zeros replace only the line end, or only the header, the record cannot be distinguished from damage.
      if (missing.length === 1) continue;
      await writeFile(file(), Buffer.concat([bytes.subarray(0, length), missing]));
      const left = entries.slice(0, whole);
      const again = new FileCheckpointStore(directory);
      expect(await again.load('run')).toEqual({ snapshot: 'the snapshot', seq: 4, entries: left });
      await again.append('run', 5 + whole, 'next');
      await again.append('run', 6 + whole, 'after');
      expect(await load()).toEqual({ snapshot: 'the snapshot', seq: 4, entries: [...left, 'next', 'after'] });
    }
  });

  it('in its snapshot is damage: a snapshot takes its place when it is whole', async () => {
    const { ends, bytes } = await written([]);
    for (const length of [0, 1, 49, 50, 55, (ends[0] as number) - 1]) {
      await writeFile(file(), bytes.subarray(0, length));
      expect(await rejection(load())).toMatchObject({
        message: expect.stringContaining('its snapshot differs from what'),
      });
    }
  });
});

describe('files of version 0.5 and 0.6', () => {
  const former = () => join(directory, 'run.checkpoint');
  const expected = { snapshot: 'snapshot', seq: 0, entries: ['one', 'two\nlines', 'three'] };
  const text = 'snapshot\none\n"two\\nlines"\nthree\n';

  it('are read, with entries counted from 1, and without a last line that was cut', async () => {
    await writeFile(former(), text);
    expect(await load()).toEqual(expected);
    await writeFile(former(), `${text}{"half`);
    expect(await load()).toEqual(expected);
    expect(await new FileCheckpointStore(directory).list()).toEqual(['run']);
    await writeFile(former(), 'half a snap');
    expect(await load()).toBeUndefined();
  });

  it('are written anew by the next entry, and by the next snapshot', async () => {
    await writeFile(former(), `${text}{"half`);
    const store = new FileCheckpointStore(directory);
    await store.append('run', 4, 'four');
    expect(await load()).toEqual({ ...expected, entries: [...expected.entries, 'four'] });
    expect(await readdir(directory)).toEqual(['run.run']);
    await rm(file());
    await writeFile(former(), text);
    await store.save('run', 'later', 2);
    expect(await load()).toEqual({ snapshot: 'later', seq: 2, entries: ['three'] });
    expect(await readdir(directory)).toEqual(['run.run']);
  });

  it('count for nothing where the run has been written anew, and are deleted with it', async () => {
    const { whole } = await written(['one']);
    await writeFile(former(), 'old\n');
    expect(await load()).toEqual(whole);
    const store = new FileCheckpointStore(directory);
    expect(await store.list()).toEqual(['run']);
    await store.delete('run');
    expect(await readdir(directory)).toEqual([]);
    await writeFile(former(), text);
    await store.delete('run');
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('a hold on a run in files', () => {
  it('is a lock that says whose it is, is not listed, and goes when the run is given back', async () => {
    const store = new FileCheckpointStore(directory);
    const claim = await store.claim('run');
    expect(await readdir(directory)).toEqual(['run.run.lock']);
    expect(await store.list()).toEqual([]);
    const error = await rejection(new FileCheckpointStore(directory).claim('run'));
    expect(error).toBeInstanceOf(LockedError);
    expect(error).toMatchObject({ runId: 'run', holder: `process ${process.pid} on ${hostname()}` });
    await store.save('run', 'x'.repeat(1_000_000), 0, claim.token);
    await claim.release();
    expect(await readdir(directory)).toEqual(['run.run']);
  });

  it('of another program is seen, and free once that is dead; what it was writing is removed', async () => {
    await new FileCheckpointStore(directory).save('run', 'one', 0);
    const holder = await startHolder(directory, 'run');
    const store = new FileCheckpointStore(directory);
    const error = (await rejection(store.claim('run'))) as LockedError;
    expect(error).toBeInstanceOf(LockedError);
    expect(error.holder).toBe('the holder');
    expect(Math.abs(Date.now() - (error.since ?? 0))).toBeLessThan(60_000);
    expect(await rejection(store.append('run', 1, 'a'))).toBeInstanceOf(LockedError);
    const half = join(directory, `run.run.lock.${holder.token}.new`);
    await writeFile(half, 'half a snap');
    await holder.kill();
    await store.append('run', 1, 'a');
    const claim = await store.claim('run');
    await claim.release();
    expect(await store.load('run')).toEqual({ snapshot: 'one', seq: 0, entries: ['a'] });
  });

  it('removes what a dead holder was writing when it takes the run over', async () => {
    const holder = await startHolder(directory, 'run');
    await writeFile(join(directory, `run.run.lock.${holder.token}.new`), 'half a snap');
    await holder.kill();
    const claim = await new FileCheckpointStore(directory).claim('run');
    expect(await readdir(directory)).toEqual(['run.run.lock']);
    await claim.release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('is taken over from a process whose number another has now', async () => {
    const lock = join(directory, 'run.run.lock');
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname(), started: '1', id: 'another' }));
    const claim = await new FileCheckpointStore(directory).claim('run');
    await claim.release();
  });

  it('of a run with a long id has a lock of its own', async () => {
    const store = new FileCheckpointStore(directory);
    const ids = ['x'.repeat(240), `${'x'.repeat(239)}y`, '☂'.repeat(26)];
    const claims = [];
    for (const id of ids) {
      const claim = await store.claim(id);
      claims.push(claim);
      await store.save(id, id, 0, claim.token);
      await store.append(id, 1, 'entry', claim.token);
    }
    for (const claim of claims) await claim.release();
    expect((await store.list()).toSorted()).toEqual([...ids].toSorted());
    for (const id of ids) await store.delete(id);
    expect(await readdir(directory)).toEqual([]);
  });

  it('whose token is a path writes nothing anywhere', async () => {
    const store = new FileCheckpointStore(join(directory, 'inner'));
    const claim = await store.claim('run');
    await store.save('run', 'one', 0, claim.token);
    for (const token of ['../../x', `../${claim.token}`, '']) {
      expect(await rejection(store.save('run', 'two', 0, token))).toBeInstanceOf(LockedError);
    }
    expect(await readdir(directory)).toEqual(['inner']);
    expect((await readdir(join(directory, 'inner'))).toSorted()).toEqual(['run.run', 'run.run.lock']);
    await claim.release();
  });
});

describe('a snapshot that is being written', () => {
  it('holds up no entry, and has those behind it that were sent meanwhile', async () => {
    const store = new FileCheckpointStore(directory);
    const { token, release } = await store.claim('run');
    await store.save('run', 'one', 0, token);
    const snapshot = 'x'.repeat(20_000_000);
    const gate = deferred();
    disk.slowed = gate.promise;
    let isSaved = false;
    const saving = store.save('run', snapshot, 0, token).then(() => {
      isSaved = true;
    });
    for (let seq = 1; seq <= 100; seq++) await store.append('run', seq, `entry ${seq}`, token);
    expect(isSaved).toBe(false);
    disk.slowed = undefined;
    gate.resolve();
    for (let seq = 101; seq <= 200; seq++) await store.append('run', seq, `entry ${seq}`, token);
    await saving;
    const kept = (await load()) as Checkpoint;
    expect(kept.snapshot === snapshot).toBe(true);
    expect(kept.entries).toEqual(Array.from({ length: 200 }, (_, index) => `entry ${index + 1}`));
    await release();
  });
});
