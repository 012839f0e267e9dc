import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { amountOf } from '../../needs/amount.js';
import { type Life, Scope } from './lives.js';

/*
 * Programs that are killed while they take a run over from a dead one: before each change that the takeover makes in
 * the file system. Two programs then compete for the run.
 */

/** Expects that one of two programs, or both, have completed the run, and that the other one has been refused. */
function expectOneOwner(lives: readonly Life[], result: unknown): void {
  const told = lives.map((life) => life.told);
  expect(lives.map(({ errors }) => errors)).toEqual(['', '']);
  expect(told).toContainEqual({ result });
  const refused = /^LockedError: run "run" is being executed by/;
  for (const one of told) if (one?.error !== undefined) expect(one.error).toMatch(refused);
  for (const one of told) if (one?.error === undefined) expect(one).toEqual({ result });
}

/** Counts the changes of a takeover, and returns their names. */
async function changesOf(prepared: Scope, name: string): Promise<readonly string[]> {
  const scope = await prepared.copy();
  expect(await scope.live(name, { death: 'before change 1000000' })).toMatchObject({ signal: null });
  return (await readFile(join(scope.directory, 'changes'), 'utf8')).trim().split('\n');
}

/** Kills programs that take over the prepared scope, at one change after the other, and lets two compete each time. */
async function dieWhileTakingOver(prepared: Scope, name: string, result: unknown): Promise<readonly string[]> {
  const changes = await changesOf(prepared, name);
  const step = amountOf('DURABLE_TAKEOVERS', 2, 6);
  for (let at = 1; at <= changes.length; at += step) {
    const scope = await prepared.copy();
    await scope.die(name, `before change ${at}`);
    const check = await scope.watch();
    expectOneOwner(await Promise.all([scope.begin(name).ended, scope.begin(name).ended]), result);
    await check();
    // The next program that changes the signals removes the lock of a dead one.
    const left = (await readdir(scope.runs)).filter((file) => !/^run\.(journal|signals|signals\.lock)$/.test(file));
    expect({ at, left }).toEqual({ at, left: [] });
  }
  return changes;
}

describe('a program that is killed while it takes a run over', () => {
  it('while it removes the dead lock, cuts the torn end or compacts, leaves the run to the next', async () => {
    const name = 'nested, to be compacted';
    const prepared = await Scope.create();
    await prepared.die(name, 'during write of before!');
    expect((await prepared.records()).length).toBeGreaterThan(1_100);
    const changes = await dieWhileTakingOver(prepared, name, [1_208_900, 'before!', 'after!']);
    expect(changes).toEqual(expect.arrayContaining(['promises.link', 'promises.rm', 'ftruncate', 'promises.rename']));
    await prepared.live(name);
    expect((await prepared.records()).length).toBeLessThan(10);
    expect(Object.values(await prepared.times()).every((count) => count === 1)).toBe(false);
  }, 300_000);

  it('while it begins a scope anew, leaves the run and its signals to the next', async () => {
    const prepared = await Scope.create();
    await prepared.die('again', 'after write of "c"');
    for (const value of ['one', 'two', 'three']) await prepared.signal('go on', value);
    const changes = await dieWhileTakingOver(prepared, 'again', '3 three');
    expect(changes).toEqual(expect.arrayContaining(['promises.rename', 'promises.rm']));
  }, 300_000);

  it('while it creates the run, leaves nothing or a whole header', async () => {
    await dieWhileTakingOver(await Scope.create(), 'steps', ['a!', 'b!', 'c!', 'd!']);
  }, 300_000);
});
