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
    const told = await program.waitFor(is('failed'), 120_000);
    expect(told).toMatchObject({ severity: 'PANIC', message: expect.stringContaining('No space left') });
    for (let time = 0; time < 10; time++) {
      const next = await program.waitFor(is('failed'), 60_000);
      expect(next).toMatchObject({ message: expect.stringContaining('too little room') });
    }
    const turned = program.messages.filter(is('turned')).length;
    await program.waitFor(() => program.messages.filter(is('turned')).length > turned + 1, 30_000);
    await disk.makeRoom(program.pid);
    const before = program.messages.filter(is('written')).length;
    await program.waitFor(() => program.messages.filter(is('written')).length > before + 2, 120_000);
    program.send({ type: 'end' });
    await program.waitFor(is('closed'), 60_000);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  },
  300_000,
);
