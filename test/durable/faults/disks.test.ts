import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeDirectory, temporaryDirectory } from '../../distributed/servers/reaper.js';
import { canHave, type Disk, disks } from '../../loops/full-disk.js';
import { canFail, failingFileSystem } from './disks.js';
import { Scope } from './lives.js';

/*
 * Durable scopes on disks that are full, fail or are damaged. That nothing recorded is repeated is expected of every
 * life, in `Scope.live`.
 */

const probe = await temporaryDirectory();
const isAvailable = {
  full: await canHave('small file system', join(probe, 'small')),
  failing: await canFail(join(probe, 'failing')),
};
await removeDirectory(probe);

let parent: string;
let disk: Disk | undefined;

beforeEach(async () => {
  parent = await temporaryDirectory();
});
afterEach(async () => {
  await disk?.remove();
  disk = undefined;
  await removeDirectory(parent);
});

const kinds = {
  full: {
    create: () => disks['small file system'](join(parent, 'disk')),
    advice: 'the disk is full: make room, and start the run again (ENOSPC)',
  },
  failing: {
    create: () => failingFileSystem(join(parent, 'disk')),
    advice: 'the file system is read-only: make it writable, or use another directory (EROFS)',
  },
};

describe.each(['full', 'failing'] as const)('a record that cannot be written, on a %s disk', (kind) => {
  it.skipIf(!isAvailable[kind])('ends the scope, and the next life goes on', async () => {
    const { create, advice } = kinds[kind];
    disk = await create();
    const scope = await Scope.create(join(disk.directory, 'runs'));
    const file = join(scope.runs, 'run.journal');
    const error = `JournalError: run "run" could not be recorded in "${file}", because ${advice}`;
    const program = scope.begin('disk');
    await scope.until('held');
    const before = await scope.read();
    await disk.fill(program.pid);
    await scope.put('go');
    const { told, errors, code } = await program.ended;
    expect({ told, errors, code }).toEqual({ told: { error }, errors: '', code: 0 });
    // The code has caught the error, and nothing more was executed.
    expect(await scope.times()).toEqual({ a: 1, b: 1, held: 1, 'caught JournalError': 1 });
    expect((await scope.read())?.records).toEqual(before?.records);

    // A life that has room for its beginning may try again what was under way, and comes no further.
    expect((await scope.live('disk')).told?.error).toMatch(/^JournalError: run "run" could not be recorded/);
    const { held = 0, 'caught JournalError': times, ...others } = await scope.times();
    expect({ others, times }).toEqual({ others: { a: 1, b: 1 }, times: held });
    await disk.makeRoom(process.pid);
    expect((await scope.live('disk')).told).toEqual({ result: ['a!', 'b!', 'held!', 'c!'] });
    expect(await scope.times()).toEqual({ ...others, 'caught JournalError': times, held: held + 1, c: 1 });
  });
});

describe('a file of a run', () => {
  /** A run that was killed after its third task. */
  async function killed() {
    const scope = await Scope.create();
    await scope.die('steps', 'after write of c!');
    const file = join(scope.runs, 'run.journal');
    return { scope, file, bytes: await readFile(file), lineBreaks: await lineBreaksOf(file) };
  }

  it.each([
    ['cut off in its last line', (end: number, last: number) => Math.floor((end + last) / 2), 0],
    ['cut off at its last line break', (end: number) => end - 1, 0],
    ['cut off, with zeros at its end', (_: number, last: number) => last + 5, 100],
    ['cut off after a line', (_: number, last: number) => last, 0],
  ] as const)('%s lets the run go on from the lines before', async (_, lengthOf, zeros) => {
    const { scope, file, bytes, lineBreaks } = await killed();
    const [last = 0, end = 0] = lineBreaks.slice(-2);
    await writeFile(file, Buffer.concat([bytes.subarray(0, lengthOf(end, last)), Buffer.alloc(zeros)]));
    expect((await scope.live('steps')).told).toEqual({ result: ['a!', 'b!', 'c!', 'd!'] });
    expect(await scope.times()).toEqual({ a: 1, b: 1, c: 2, d: 1 });
  });

  it.each([
    ['with a changed byte', (bytes: Buffer, at: number) => bytes.fill('#', at + 10, at + 11), /line 3 \(at byte \d+\)/],
    ['with a line that is missing', (bytes: Buffer, at: number, next: number) => without(bytes, at, next), /line 3 /],
    ['with zeros in the middle', (bytes: Buffer, at: number, next: number) => bytes.fill(0, at, next - 1), /line 3 /],
    ['without its header', (bytes: Buffer, at: number) => bytes.subarray(at), /line 1 \(at byte 0\)/],
    ['without any content', (bytes: Buffer) => bytes.subarray(0, 0), /line 1 \(at byte 0\)/],
  ] as const)('%s is refused, and neither changed nor executed', async (_, damage, where) => {
    const { scope, file, bytes, lineBreaks } = await killed();
    const [, at = 0, next = 0] = lineBreaks;
    const damaged = damage(Buffer.from(bytes), at, next);
    await writeFile(file, damaged);
    const effects = await scope.lines();
    for (let life = 0; life < 2; life++) {
      const { told, errors } = await scope.begin('steps').ended;
      expect(errors).toBe('');
      expect(told?.error).toMatch(/^JournalError: run "run" has a damaged journal in ".*": /);
      expect(told?.error).toMatch(where);
      expect(await readFile(file)).toEqual(damaged);
      expect(await scope.lines()).toEqual(effects);
    }
    // The lock is the dead program's, if it is still there.
    expect((await readdir(scope.runs)).filter((name) => !/^run\.journal(\.lock)?$/.test(name))).toEqual([]);
    await writeFile(file, bytes);
    expect((await scope.live('steps')).told).toEqual({ result: ['a!', 'b!', 'c!', 'd!'] });
    expect(await scope.times()).toEqual({ a: 1, b: 1, c: 1, d: 1 });
  });

  it('can be cut as the message of damage says, and the tasks from there are repeated', async () => {
    const { scope, file, bytes, lineBreaks } = await killed();
    const [, at = 0] = lineBreaks;
    await writeFile(file, Buffer.from(bytes).fill('#', at + 10, at + 11));
    const { told } = await scope.begin('steps').ended;
    await truncate(file, Number(/cut the file to (\d+) bytes/.exec(told?.error ?? '')?.[1]));
    expect((await scope.live('steps')).told).toEqual({ result: ['a!', 'b!', 'c!', 'd!'] });
    expect(await scope.times()).toEqual({ a: 1, b: 2, c: 2, d: 1 });
  });
});

/** Returns the positions after the lines of a file. */
async function lineBreaksOf(file: string): Promise<readonly number[]> {
  return [...(await readFile(file)).entries()].flatMap(([at, byte]) => (byte === 0x0a ? [at + 1] : []));
}

function without(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
}
