import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JournalError, SupersededError } from '../../../src/durable/errors.js';
import type { JournalHeader } from '../../../src/durable/journal.js';
import { FileJournalStore } from '../../../src/durable/journals/file/file-store.js';
import { pathsOf } from '../../../src/durable/journals/file/paths.js';
import { eventually } from '../../distributed/servers/eventually.js';
import { killWorkerProcesses, startWorkerProcess } from '../../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../../distributed/servers/reaper.js';
import { canHave, type Disk, disks } from '../../loops/full-disk.js';
import { rejection } from '../../support.js';

const run = promisify(execFile);
const id = 'order-42';
const header: JournalHeader = { id, name: 'order', version: '1', input: '{"amount":1}', created: 1_764_000_000_000 };
const kind = 'small file system';
const hasDisk = await canHave(kind, join(await temporaryDirectory(), 'probe'));

let directory: string;
let store: FileJournalStore;
let disk: Disk | undefined;

beforeEach(async () => {
  directory = await temporaryDirectory();
  store = new FileJournalStore(directory, 'machine');
});
afterEach(async () => {
  await killWorkerProcesses();
  await store.close();
  await disk?.remove();
  disk = undefined;
  await removeDirectory(directory);
});

async function opened(by = store, given: JournalHeader | undefined = header) {
  const losses: Error[] = [];
  const found = await by.open({ id, header: given, onSignal: () => {}, onSuperseded: (error) => losses.push(error) });
  if (found === undefined) throw new Error('the run is unknown');
  return { ...found, losses };
}

/** A run with three records of which the last one completes it. */
async function recorded() {
  const { owner } = await opened();
  await owner.append(['{"a":1}']);
  await owner.append(['"b ü"'], 'failed');
  await owner.append(['["c"]'], 'completed');
  await owner.close();
  const { file } = pathsOf(directory, id);
  return { file, bytes: await readFile(file) };
}

describe('a file of a journal', () => {
  it('has a JSON array on each line, with a checksum and the status', async () => {
    const { file, bytes } = await recorded();
    expect(file).toBe(join(directory, 'order-42.journal'));
    const lines = bytes
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      [{ format: 1, consumed: 0, ...header }, expect.stringMatching(/^[0-9a-f]{8}$/)],
      [{ a: 1 }, expect.any(String)],
      ['b ü', expect.any(String), 'failed'],
      [['c'], expect.any(String), 'completed'],
    ]);
    expect(await readdir(directory)).toEqual(['order-42.journal']);
  });

  it('whose last write was cut off at any byte goes on from the records before', async () => {
    const { file, bytes } = await recorded();
    const ends = [...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1);
    const all = ['{"a":1}', '"b ü"', '["c"]'];
    for (let length = ends[0] as number; length <= bytes.length; length++) {
      for (const tail of [Buffer.alloc(0), Buffer.alloc(100)]) {
        await writeFile(file, Buffer.concat([bytes.subarray(0, length), tail]));
        const count = ends.filter((end) => end <= length).length - 1;
        const statuses = ['running', 'running', 'failed', 'completed'];
        expect(await store.list({})).toEqual([expect.objectContaining({ status: statuses[count] })]);
        const { records, status, owner } = await opened();
        expect({ records, status }).toEqual({ records: all.slice(0, count), status: statuses[count] });
        await owner.append(['"next"'], 'running');
        await owner.close();
        expect(await store.read(id)).toMatchObject({ records: [...all.slice(0, count), '"next"'], status: 'running' });
      }
    }
  });

  it('with any changed bit is refused, with the line and what to do, and is not changed', async () => {
    const { file, bytes } = await recorded();
    const ends = [...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1);
    for (let at = 0; at < bytes.length - 1; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      await writeFile(file, damaged);
      const error = await rejection(opened());
      expect(error).toBeInstanceOf(JournalError);
      const line = ends.filter((end) => end <= at).length + 1;
      expect((error as Error).message).toContain(
        `run "order-42" has a damaged journal in "${file}": line ${line} (at byte ${[0, ...ends][line - 1]}) differs`,
      );
      expect(await rejection(store.read(id))).toEqual(error);
      expect(await readFile(file)).toEqual(damaged);
      expect(existsSync(`${file}.lock`)).toBe(false);
    }
  });

  it('can be cut as the message of damage says', async () => {
    const { file, bytes } = await recorded();
    const third = bytes.indexOf('"b');
    bytes[third] = 0x23;
    await writeFile(file, bytes);
    const { message } = (await rejection(opened())) as Error;
    const [, at] = /cut the file to (\d+) bytes to continue from line 2 /.exec(message) ?? [];
    await truncate(file, Number(at));
    expect((await opened()).records).toEqual(['{"a":1}']);
  });

  it.each([
    ['missing', ([a, _b, c, d]: string[]) => [a, c, d], 2],
    ['repeated', ([a, b, c, d]: string[]) => [a, b, b, c, d], 3],
    ['out of place', ([a, b, c, d]: string[]) => [a, c, b, d], 2],
    ['gone with all lines', () => [], 1],
  ])('with a line that is %s is refused', async (_, change, line) => {
    const { file, bytes } = await recorded();
    const lines = bytes.toString().trimEnd().split('\n');
    await writeFile(
      file,
      change(lines)
        .map((each) => `${each}\n`)
        .join(''),
    );
    expect(String(await rejection(opened()))).toContain(`line ${line} (at byte`);
  });

  it('without a good header is refused by every call', async () => {
    const { file } = await recorded();
    await truncate(file, 20);
    const calls = [
      () => opened(),
      () => store.read(id),
      () => store.list({}),
      () => store.signal(id, '1'),
      () => store.delete(id),
    ];
    for (const call of calls)
      expect(String(await rejection(call()))).toMatch(/damaged journal in ".*": line 1 \(at byte 0\)/);
  });

  it('of a later version, or of another run, is refused', async () => {
    const { file } = await recorded();
    const { encode } = await import('../../../src/durable/journals/file/lines.js');
    await writeFile(file, encode(JSON.stringify({ format: 2, ...header }), 'running', 0).line);
    expect(await rejection(opened())).toEqual(
      new JournalError(
        id,
        `is recorded in "${file}" in format 2, and this version reads up to format 1: update orchestrator`,
      ),
    );
    await writeFile(file, encode(JSON.stringify({ format: 1, ...header, id: 'other' }), 'running', 0).line);
    expect(await rejection(opened())).toEqual(
      new JournalError(id, `cannot use "${file}", which belongs to run "other": move the file away`),
    );
  });

  it('that another program has changed is noticed at the next record', async () => {
    const { owner } = await opened();
    await owner.append(['1']);
    await appendFile(pathsOf(directory, id).file, '"foreign"\n');
    expect(String(await rejection(owner.append(['2'])))).toMatch(/shares ".*" with a program that has changed it/);
    expect(String(await rejection(owner.append(['3'])))).toMatch(/shares/);
    // What the other program has written is still there.
    expect(await readFile(pathsOf(directory, id).file, 'utf8')).toContain('"foreign"\n');
  });
});

describe('signals in a file', () => {
  it('of which the last was cut off are kept up to there, and the next one follows', async () => {
    await recorded();
    for (const text of ['"one"', '"two"']) await store.signal(id, text);
    const { signals } = pathsOf(directory, id);
    await truncate(signals, (await readFile(signals)).length - 1);
    expect((await store.read(id))?.signals).toEqual([{ number: 1, text: '"one"' }]);
    expect(await store.signal(id, '"three"')).toBe(2);
    expect((await store.read(id))?.signals).toEqual([
      { number: 1, text: '"one"' },
      { number: 2, text: '"three"' },
    ]);
  });

  it('that are damaged are refused, with the line and what to do', async () => {
    await recorded();
    for (const text of ['"one"', '"two"']) await store.signal(id, text);
    const { signals } = pathsOf(directory, id);
    const bytes = await readFile(signals);
    bytes[2] = 0x23;
    await writeFile(signals, bytes);
    expect(String(await rejection(opened()))).toContain(`has damaged signals in "${signals}": line 1 differs`);
    bytes[bytes.length - 4] = 0x23;
    await writeFile(signals, bytes);
    expect(String(await rejection(store.signal(id, '"three"')))).toContain('the last line differs');
  });

  it('can be stored although a program has died while it stored one', async () => {
    await recorded();
    const module = new URL('./fixtures/owner.ts', import.meta.url);
    const program = startWorkerProcess<string>({ module, env: { DIRECTORY: directory, ID: id, HOLD: 'signals' } });
    await program.waitFor((message) => message === 'holds');
    await program.kill();
    expect(await store.signal(id, '"one"')).toBe(1);
  });

  it('that cannot be looked at disturb nobody, and arrive when they can', async () => {
    const reported: string[] = [];
    const found = await store.open({ id, header, onSignal: ({ text }) => reported.push(text), onSuperseded: () => {} });
    const { signals } = pathsOf(directory, id);
    await symlink(signals, signals);
    await sleep(1_200);
    await found?.owner.append(['1']);
    await rm(signals);
    await new FileJournalStore(directory, 'machine').signal(id, '"one"');
    await eventually(() => expect(reported).toEqual(['"one"']));
  });

  it('that are no longer needed stay away, although a program has died before it removed them', async () => {
    const { owner } = await opened();
    await store.signal(id, '"one"');
    const { signals } = pathsOf(directory, id);
    const bytes = await readFile(signals);
    await owner.rewrite(header, [], 1);
    await writeFile(signals, bytes);
    await owner.rewrite(header, [], 0);
    await owner.close();
    const next = await opened();
    expect(next.signals).toEqual([]);
    await next.owner.rewrite(header, [], 0);
    expect((await store.read(id))?.signals).toEqual([]);
    expect(await store.signal(id, '"two"')).toBe(2);
  });

  it('of a run whose deletion was interrupted do not reach the next run with its id', async () => {
    await recorded();
    await store.signal(id, '"one"');
    await rm(pathsOf(directory, id).file);
    const { signals, owner } = await opened();
    expect(signals).toEqual([]);
    await owner.close();
    expect((await store.read(id))?.signals).toEqual([]);
  });
});

describe('the system under a journal', () => {
  it('that removes the directory ends the run, which can be started again', async () => {
    const { owner, losses } = await opened();
    await owner.append(['1']);
    await rm(directory, { recursive: true });
    const error = await rejection(owner.append(['2']));
    expect(error).toEqual(
      new JournalError(
        id,
        `has lost "${pathsOf(directory, id).file}", which was removed or replaced: leave the files of open runs alone`,
      ),
    );
    await owner.close();
    expect((await opened()).records).toEqual([]);
    expect(losses).toEqual([]);
  });

  it('that removes the directory of a run that records nothing ends it, too', async () => {
    const { losses } = await opened();
    await rm(directory, { recursive: true });
    await eventually(() => expect(losses).toEqual([expect.any(SupersededError)]), { timeout: 20_000 });
    expect(losses[0]?.message).toMatch(/its lock was removed/);
  });

  it('that has lost the run leaves the file of the new owner alone', async () => {
    const { owner } = await opened();
    await owner.append(['1', '2']);
    // As if this program had been silent for longer than its lock lasts.
    await rm(pathsOf(directory, id).lock);
    const other = new FileJournalStore(directory, 'machine');
    const next = await opened(other);
    await next.owner.append(['3', '4']);
    await sleep(1_100);
    expect(await rejection(owner.append(['late']))).toBeInstanceOf(SupersededError);
    await owner.close();
    await next.owner.append(['5']);
    expect((await other.read(id))?.records).toEqual(['1', '2', '3', '4', '5']);
    await next.owner.close();
  });

  it.skipIf(!hasDisk)('that has a full disk, or is read-only, ends the run and loses nothing', async () => {
    const place = join(directory, 'small');
    disk = await disks[kind](place);
    const small = new FileJournalStore(disk.directory, 'machine');
    const text = JSON.stringify('x'.repeat(1_000));
    const { owner } = await opened(small);
    for (let index = 0; index < 10; index++) await owner.append([text]);
    await disk.fill(process.pid);
    // A batch of which only a part fits.
    const reason = (await rejection(owner.append(Array.from({ length: 100 }, () => text)))) as JournalError;
    expect(reason).toBeInstanceOf(JournalError);
    expect(reason.message).toMatch(
      /^run "order-42" could not be recorded in ".*", because the disk is full: make room, and start the run again \(ENOSPC\)$/,
    );
    expect(reason.cause).toMatchObject({ code: 'ENOSPC' });
    expect(await rejection(owner.append(['"after"']))).toBe(reason);
    expect(await rejection(owner.rewrite(header, [], 0))).toBe(reason);
    await owner.close();
    expect((await small.read(id))?.records).toHaveLength(10);
    await disk.makeRoom(process.pid);
    const next = await opened(small);
    expect(next.records).toHaveLength(10);
    await next.owner.append(['"next"']);

    await next.owner.close();
    await run('mount', ['-o', 'remount,ro', place]);
    expect((await small.read(id))?.records.at(-1)).toBe('"next"');
    expect(String(await rejection(opened(small)))).toMatch(
      /because the file system is read-only: make it writable, or use another directory \(EROFS\)/,
    );
    expect(String(await rejection(small.signal(id, '1')))).toMatch(/EROFS/);
    expect(String(await rejection(small.delete(id)))).toMatch(/could not be deleted.*EROFS/);
    expect(await small.list({})).toHaveLength(1);
    await run('mount', ['-o', 'remount,rw', place]);
    expect((await opened(small)).records).toHaveLength(11);
    await small.close();
  });

  it.skipIf(process.platform !== 'linux')(
    'that allows no more open files refuses the run, and loses nothing',
    async () => {
      const module = new URL('./fixtures/opener.ts', import.meta.url);
      const program = startWorkerProcess<string | { message: string }>({ module, env: { DIRECTORY: directory } });
      await program.waitFor((message) => message === 'ready');
      const open = (await readdir(`/proc/${program.pid}/fd`)).length;
      await run('prlimit', ['--pid', `${program.pid}`, `--nofile=${open + 10}:`]);
      program.send({});
      const told = await program.waitFor((message) => typeof message === 'object');
      expect(told).toMatchObject({ name: 'JournalError', again: 'running' });
      expect((told as { message: string }).message).toMatch(
        /too many open files: raise the limit \(ulimit -n\).*EMFILE/,
      );
      const files = (await readdir(directory)).filter((name) => !name.includes('.journal.lock'));
      expect(files.every((name) => name.endsWith('.journal'))).toBe(true);
    },
  );
});

describe('programs that are killed at any moment', () => {
  it('lose no record that was stored, and never own a run together', async () => {
    const module = new URL('./fixtures/writer.ts', import.meta.url);
    const start = () => startWorkerProcess<number>({ module, env: { DIRECTORY: directory, ID: id } });
    const programs = [start(), start(), start()];
    const stored: number[] = [];
    for (let kills = 0; kills < 15; kills++) {
      // The one that owns the run dies in the middle of its work, another one while it takes the run over.
      const count = () => programs.reduce((sum, { messages }) => sum + messages.length, 0);
      const before = count();
      await eventually(() => expect(count()).toBeGreaterThan(before + 5), { timeout: 60_000, interval: 5 });
      const [owner] = programs.toSorted((a, b) => Number(b.messages.at(-1) ?? 0) - Number(a.messages.at(-1) ?? 0));
      const killed = kills % 3 === 2 ? programs[kills % programs.length] : owner;
      if (killed === undefined) throw new Error('there is a program');
      await sleep(kills % 5);
      await killed.kill();
      stored.push(...killed.messages);
      programs.splice(programs.indexOf(killed), 1, start());
    }
    await Promise.all(programs.map((program) => program.kill()));
    stored.push(...programs.flatMap(({ messages }) => messages));
    // A number that two owners had stored would be there twice, one that was lost would be stored again.
    expect(new Set(stored).size).toBe(stored.length);
    const { records, owner } = await opened();
    const last = Number(records.at(-1));
    const first = Number(records[0]);
    expect(records.map(Number)).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
    expect(last).toBeGreaterThanOrEqual(Math.max(...stored));
    await owner.close();
    expect((await readdir(directory)).filter((name) => name.endsWith('.new'))).toEqual([]);
  }, 300_000);

  it('leave a whole journal when they die while they replace it, and the next owner removes what is left', async () => {
    const { file, bytes } = await recorded();
    await mkdir(join(directory, 'other'));
    const left = ['0f3c', '77aa'].map((owner) => `${file}.${owner}.new`);
    for (const path of left) await copyFile(file, path);
    await copyFile(file, `${file}2.0f3c.new`);
    // The last owner is dead, and others have died before they could clean up after each other.
    await writeFile(`${file}.lock`, JSON.stringify({ pid: 2 ** 30, host: hostname(), id: '11bb' }));
    expect((await opened()).records).toHaveLength(3);
    expect(await readFile(file)).toEqual(bytes);
    expect((await readdir(directory)).filter((name) => name.endsWith('.new'))).toEqual([`${basename(file)}2.0f3c.new`]);
  });
});

it('says that the path of a list is a file', async () => {
  const file = join(directory, 'file');
  await writeFile(file, '');
  for (const path of [file, join(file, 'inside')]) {
    const error = await rejection(new FileJournalStore(path, 'machine').list({}));
    expect(error).toBeInstanceOf(JournalError);
    expect((error as Error).message).toBe(
      `the journal could not be listed in "${path}", because a part of the path is a file: use another directory (ENOTDIR)`,
    );
  }
});
