import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { open as openDatabase } from 'lmdb';
import { type LoopStore, LoopStoreError, lmdbStore } from 'orchestrator/loops';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killWorkerProcesses, startWorkerProcess, type WorkerProcess } from '../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { rejection } from '../support.js';
import { upTo } from './support.js';

// biome-ignore lint/suspicious/noExplicitAny: what a program tells, as its fixture has it
type Told = any;

let parent = '';

beforeEach(async () => {
  parent = await temporaryDirectory();
});

afterEach(async () => {
  await killWorkerProcesses();
  await removeDirectory(parent);
});

afterAll(killWorkerProcesses);

/** A store with pages of all kinds, free pages, and values that take several pages. */
async function fill(store: LoopStore): Promise<void> {
  let id = 0;
  for (const round of upTo(10)) {
    for (const index of upTo(60)) {
      id++;
      const value = { id, text: 'x'.repeat((id * 37) % 400) };
      store.putMessage(`q${index % 2}`, { id, queue: 'q', value, time: 0, deliveries: 0 });
    }
    const value = 'B'.repeat(5_000 + 1_000 * round);
    store.putMessage('big', { id: round, queue: 'big', value, time: 0, deliveries: 0 });
    await store.flushed();
    for (const index of upTo(40)) store.removeMessage(`q${index % 2}`, (round - 1) * 60 + index);
    await store.flushed();
  }
  store.putLastId('q0', 10_000);
  store.putCursor('loop', { at: 5 });
  store.putDesired('loop', 'paused');
  const error = new RangeError('bad');
  store.putDeadLetter({ id: 1, loopId: 'loop', nodeId: 'node', iteration: 1, value: 'v', error, time: 0 });
  await store.flushed();
}

async function sound(): Promise<Buffer> {
  const store = lmdbStore(`${parent}/sound`);
  await store.open();
  await fill(store);
  await store.close();
  return await readFile(`${parent}/sound/data.mdb`);
}

/** Opens a store with this file in a separate process. */
async function tried(opener: WorkerProcess<Told>, file: Buffer, name: string): Promise<Told> {
  const directory = `${parent}/${name}`;
  await mkdir(directory);
  await writeFile(`${directory}/data.mdb`, file);
  opener.send(directory as never);
  const told = await opener.waitFor(({ type }) => type !== 'ready');
  await removeDirectory(directory);
  return told;
}

/** Pseudo-random numbers from 0 to below `below`, equal in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor(((state >>> 8) / 2 ** 24) * below);
  };
}

function flipped(file: Buffer, ...places: number[]): Buffer {
  const damaged = Buffer.from(file);
  for (const place of places) damaged[place] = (damaged[place] as number) ^ (1 << (place % 8));
  return damaged;
}

const advice = /is damaged, and was left as it is: .*; replace the directory with a copy, or move it away/;

describe('a store whose file is damaged', () => {
  it('is refused, or opens with its full content, wherever the damage is; the program survives', async () => {
    const file = await sound();
    const random = numbers(5);
    const pageSize = file.readUInt32LE(48);
    const pages = file.length / pageSize;
    const metaPages = [0, pageSize / 2, pageSize];
    const damages = [
      ...[0, ...upTo(12)].map((part) => file.subarray(0, Math.floor((file.length * part) / 13))),
      ...[1, 100, 168, 4_096, 8_191].map((length) => file.subarray(0, length)),
      // Numbers that LMDB follows, in the meta pages and in each page.
      ...upTo(60).map(() => flipped(file, (metaPages[random(3)] as number) + 16 + random(176))),
      ...upTo(60).map(() => flipped(file, random(pages) * pageSize + random(40))),
      ...upTo(60).map(() => flipped(file, random(file.length))),
      ...upTo(20).map(() => flipped(file, ...upTo(20).map(() => random(file.length)))),
      ...upTo(20).map(() =>
        Buffer.from(file)
          .fill(random(2) * 255, random(pages) * pageSize)
          .subarray(0, file.length),
      ),
    ];
    const opener = startWorkerProcess<Told>({ module: new URL('./fixtures/opener.ts', import.meta.url) });
    const { content } = await tried(opener, file, 'sound-copy');
    const ends = { opened: 0, refused: 0 };
    for (const [index, damaged] of damages.entries()) {
      const told: Told = await tried(opener, damaged, `damaged-${index}`);
      ends[told.type as keyof typeof ends]++;
      if (told.type === 'opened') expect(told.content).toBe(content);
      else expect(told).toMatchObject({ code: 'ERR_LOOP_STORE', message: expect.stringMatching(advice) });
    }
    // Pages without a reference may contain anything.
    expect(ends.opened).toBeGreaterThan(0);
    expect(ends.refused).toBeGreaterThan(100);
  }, 300_000);

  it('names the damaged record', async () => {
    const file = await sound();
    const at = file.lastIndexOf('BBBBBBBBBB');
    await writeFile(`${parent}/sound/data.mdb`, flipped(file, at));
    const error = await rejection(lmdbStore(`${parent}/sound`).open());
    expect(error).toBeInstanceOf(LoopStoreError);
    expect((error as Error).message).toContain('its record ["message","big",10] is damaged');
    // The file was not changed.
    expect(flipped(file, at).equals(await readFile(`${parent}/sound/data.mdb`))).toBe(true);
  });
});

describe('a store whose file is empty', () => {
  it('is refused, and the file stays', async () => {
    await sound();
    await writeFile(`${parent}/sound/data.mdb`, '');
    const error = await rejection(lmdbStore(`${parent}/sound`).open());
    expect(error).toBeInstanceOf(LoopStoreError);
    expect((error as Error).message).toMatch(advice);
    expect((error as Error).message).toContain('its file data.mdb is empty');
    expect(await readdir(`${parent}/sound`)).toContain('data.mdb');
  });

  it('opens if its first program was killed before it had written anything', async () => {
    const path = `${parent}/begun`;
    await mkdir(path);
    for (const name of ['data.mdb', 'data.mdb.new']) await writeFile(`${path}/${name}`, '');
    const store = lmdbStore(path);
    await store.open();
    store.putCursor('loop', 1);
    await store.close();
    expect(await readdir(path)).not.toContain('data.mdb.new');
    await writeFile(`${path}/data.mdb`, '');
    expect(await rejection(lmdbStore(path).open())).toBeInstanceOf(LoopStoreError);
  });
});

describe('a store of an earlier version, whose records have no checksums', () => {
  async function earlier(): Promise<string> {
    const path = `${parent}/earlier`;
    await mkdir(path);
    const database = openDatabase({ path, noSubdir: false, encoder: { structuredClone: true } } as never);
    const value = { map: new Map([[1, new Set(['a'])]]), date: new Date(5) };
    await database.put(['message', 'q', 7], { queue: 'q', value, time: 3, deliveries: 0 });
    await database.put(['last', 'q'], 10_007);
    await database.put(['cursor', 'loop'], { at: 5 });
    await database.put(['desired', 'loop'], 'stopped');
    const error = { name: 'RangeError', message: 'bad', stack: 'RangeError: bad' };
    await database.put(['letter', 1], { id: 1, loopId: 'l', nodeId: 'n', iteration: 1, value: 'v', error, time: 0 });
    await database.close();
    return path;
  }

  it('opens with its full content, now and later', async () => {
    const path = await earlier();
    for (const _ of [1, 2]) {
      const store = lmdbStore(path);
      const { messages, lastIds, cursors, desired, deadLetters } = await store.open();
      const value = { map: new Map([[1, new Set(['a'])]]), date: new Date(5) };
      expect(messages).toEqual(new Map([['q', [{ id: 7, queue: 'q', value, time: 3, deliveries: 0 }]]]));
      expect(lastIds).toEqual(new Map([['q', 10_007]]));
      expect(cursors).toEqual(new Map([['loop', { at: 5 }]]));
      expect(desired).toEqual(new Map([['loop', 'stopped']]));
      expect(deadLetters).toMatchObject([{ id: 1, value: 'v', error: new RangeError('bad') }]);
      await store.close();
    }
  });

  it('has checksums from then on', async () => {
    const path = await earlier();
    const store = lmdbStore(path);
    await store.open();
    await store.close();
    await cp(path, `${parent}/copy`, { recursive: true });
    const file = await readFile(`${path}/data.mdb`);
    for (let at = file.indexOf('stopped'); at >= 0; at = file.indexOf('stopped', at + 1)) file[at + 1] = 0x53;
    await writeFile(`${parent}/copy/data.mdb`, file);
    expect(await rejection(lmdbStore(`${parent}/copy`).open())).toMatchObject({
      message: expect.stringContaining('its record ["desired","loop"] is damaged'),
    });
  });
});
