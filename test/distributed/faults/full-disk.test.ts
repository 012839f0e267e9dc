import { stat, truncate } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { canHave, type Disk, disks } from '../../loops/full-disk.js';
import { startWorkerProcess } from '../servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../servers/reaper.js';
import type { Told } from './fixtures/full.js';

const parent = await temporaryDirectory();
const kind = 'small file system';
const isThere = await canHave(kind, `${parent}/probe`);
let disk: Disk | undefined;

afterEach(async () => {
  await disk?.remove();
  await removeDirectory(parent);
});

it.skipIf(!isThere)(
  `pglite on a full disk refuses what it cannot write, lets the event loop turn, and goes on when there is room (${kind})`,
  async () => {
    disk = await disks[kind](`${parent}/small`, 160);
    const program = startWorkerProcess<Told>({
      module: new URL('./fixtures/full.ts', import.meta.url),
      env: { DIRECTORY: disk.directory },
    });
    const is = (type: Told['type']) => (told: Told) => told.type === type;
    await program.waitFor(is('ready'), 120_000);
    await disk.fill(program.pid);
    // There is room for a row, but not for another segment of the log.
    const filler = `${parent}/small/filler`;
    await truncate(filler, (await stat(filler)).size - 10 * 2 ** 20);
    const panics = (told: Told) => told.type === 'failed' && told.severity === 'PANIC';
    expect(await program.waitFor(panics, 120_000)).toMatchObject({ message: expect.stringContaining('No space left') });
    const isRefused = (told: Told) => told.type === 'failed' && told.message.includes('too little room');
    for (let time = 0; time < 10; time++) await program.waitFor(isRefused, 60_000);
    const turned = program.messages.filter(is('turned')).length;
    await program.waitFor(() => program.messages.filter(is('turned')).length > turned + 1, 30_000);
    await disk.makeRoom(program.pid);
    const before = program.messages.filter(is('written')).length;
    await program.waitFor(() => program.messages.filter(is('written')).length > before + 2, 120_000);
    program.send({ type: 'end' });
    await program.waitFor(is('closed'), 120_000);
    expect(await program.exited).toEqual({ code: 0, signal: null });
    // A row may also be refused before the log is, as long as there is no room at all.
    for (const told of program.messages)
      if (told.type === 'failed') expect(told.message).toMatch(/No space left|too little room/);
  },
  300_000,
);
