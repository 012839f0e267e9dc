import { describe, expect, it } from 'vitest';
import { eventually } from '../../distributed/servers/eventually.js';
import { Scope } from './lives.js';

/*
 * Durable scopes that fail, are aborted, sleep and wait over several programs. That nothing recorded is repeated is
 * expected of every life, in `Scope.live`.
 */

/** Texts of records that a life has appended. */
async function ends(scope: Scope): Promise<readonly string[]> {
  return (await scope.records()).flatMap((record) => ('end' in record ? [record.end] : []));
}

describe('a scope with an uncaught failure', () => {
  it('executes the failure again when it is started again, and nothing else, however often it is killed', async () => {
    const scope = await Scope.create();
    const failed = { error: 'Error: some are missing' };
    await scope.die('uncaught', 'during write of before!');
    await scope.die('uncaught', 'before write of "e"');
    await scope.die('uncaught', 'before write of "end"');
    expect((await scope.live('uncaught')).told).toEqual(failed);
    // The failure was recorded before the kill, and is the same in the next life.
    const { b, ...others } = await scope.times();
    expect(others).toEqual({ before: 2, a: expect.any(Number), c: expect.any(Number), undo: 1 });
    expect(await ends(scope)).toEqual(['failed']);

    // The failure is void now.
    await scope.die('uncaught', 'during write of "e"');
    expect((await scope.live('uncaught')).told).toEqual(failed);
    expect(await scope.times()).toEqual({ ...others, b: Number(b) + 2 });
    await scope.put('up');
    await scope.die('uncaught', 'before write of b!');
    await scope.die('uncaught', 'after write of b!');
    await scope.die('uncaught', 'during write of last!');
    await scope.die('uncaught', 'before write of "end"');
    expect((await scope.live('uncaught')).told).toEqual({ result: ['before!', 'last!'] });
    expect(await scope.times()).toEqual({ ...others, b: Number(b) + 4, last: 2 });
    expect(await ends(scope)).toEqual(['failed', 'failed', 'completed']);
    expect((await scope.live('uncaught')).told).toEqual({ result: ['before!', 'last!'] });
  });
});

describe('the abort of a caller', () => {
  it.each([
    ['its signal', 'run', 'SIGUSR2'],
    ['SIGTERM, through runMain', 'main', 'SIGTERM'],
  ] as const)('by %s is not recorded, and the next life goes on', async (_, by, name) => {
    const env = { BY: by };
    const scope = await Scope.create();
    for (let life = 1; life <= 2; life++) {
      const check = await scope.watch();
      const program = scope.begin('aborted', { env });
      const held = ['held', 'held inside', 'x'];
      await eventually(async () => expect(await scope.times()).toMatchObject(times(held, life)));
      const before = await scope.records();
      const { told, code, errors, signal } = await program.kill(name);
      expect({ errors, signal }).toEqual({ errors: '', signal: null });
      expect({ told, code }).toEqual(
        by === 'run' ? { told: { error: 'Error: stopped by its caller' }, code: 0 } : { told: undefined, code: 143 },
      );
      // What was under way beside the held tasks may still have been recorded.
      const added = (await scope.records()).slice(before.length);
      expect(added.filter((record) => 'end' in record || 'a' in record || 'e' in record)).toEqual([]);
      expect(await scope.read()).toMatchObject({ status: 'running', lives: life, owner: undefined });
      await check();
    }
    await scope.put('go');
    await scope.signal('approved', 'by eve');
    const { told } = await scope.live('aborted', { env });
    expect(told).toEqual({ result: ['held!', ['inner!', 'held inside!'], 'by eve', 'after!'] });
    expect(await scope.times()).toEqual({
      ...times(['held', 'held inside', 'x'], 3),
      ...times(['before', 'inner', 'y', 'after'], 1),
    });
  });
});

function times(names: readonly string[], count: number): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, count]));
}

describe('due times', () => {
  it('of a sleep, a wait and limits are those of the first life, however often it is killed', async () => {
    const scope = await Scope.create();
    const dues = async () => (await scope.records()).flatMap((record) => ('d' in record ? [record] : []));
    const first = scope.begin('dues');
    await eventually(async () => expect(await dues()).toHaveLength(5));
    await first.kill();
    const recorded = await dues();
    for (const death of ['before write 1', 'during write 1', 'after write 1', 'before write 2', 'during write 2']) {
      await scope.live('dues', { death });
    }
    expect(recorded.map(({ i }) => i.replace(/ \[.*/, ''))).toEqual([
      '/parallel#0[0] sleep',
      '/parallel#0[1] waitFor',
      '/parallel#0[2]/map:hold#0 !timeout',
      '/parallel#0[3]/run:inner#0 !timeout',
      '/parallel#0[3]/run:inner#0 sleep',
    ]);
    const { told } = await scope.live('dues');
    expect(told).toEqual({ result: [['TimeoutError', 'ParallelError', 'TimeoutError'], 'after!'] });
    // The inner sleep of an hour was interrupted, and the others have one due time, which was kept.
    const kept = (await dues()).filter(({ i }) => !i.includes('run:inner#0 sleep'));
    expect(kept).toEqual(recorded.filter(({ i }) => !i.includes('run:inner#0 sleep')));
    const awake = (await scope.lines()).filter((line) => line.startsWith('awake')).map((line) => Number(line.slice(6)));
    expect(Math.min(...awake)).toBeGreaterThanOrEqual(Math.max(...kept.map(({ d }) => Number(d))));
  });
});

describe('a signal', () => {
  const result = (by: string) => ({ result: [{ by }, `after ${by}!`] });

  it('may be sent before the run has reached its first wait', async () => {
    const scope = await Scope.create();
    const program = scope.begin('held, then wait');
    await scope.until('held');
    await scope.signal('approved', { by: 'early' });
    await scope.put('go');
    expect((await program.ended).told).toEqual(result('early'));
    expect(await scope.times()).toEqual({ held: 1, 'after early': 1 });
  });

  it('may be sent before the first wait by a life that is killed there', async () => {
    const scope = await Scope.create();
    const program = scope.begin('held, then wait');
    await scope.until('held');
    await scope.signal('approved', { by: 'early' });
    await program.kill();
    await scope.put('go');
    // The signal is taken, and the kill leaves that unrecorded.
    await scope.die('held, then wait', 'before write of "n"');
    await scope.die('held, then wait', 'during write of "n"');
    await scope.die('held, then wait', 'after write of "n"');
    expect((await scope.live('held, then wait')).told).toEqual(result('early'));
    expect(await scope.times()).toEqual({ held: 2, 'after early': 1 });
  });

  it('may be sent while a program waits for it', async () => {
    const scope = await Scope.create();
    const program = scope.begin('wait');
    await eventually(async () =>
      expect(await scope.records()).toContainEqual(expect.objectContaining({ d: expect.anything() })),
    );
    await scope.signal('approved', { by: 'eve' });
    expect((await program.ended).told).toEqual(result('eve'));
  });

  it('may be sent while no program lives, also several times', async () => {
    const scope = await Scope.create();
    await scope.die('wait', 'before write of "d"');
    expect((await scope.read())?.owner).toBeUndefined();
    await scope.signal('approved', { by: 'nobody' });
    await scope.signal('approved', { by: 'later' });
    await scope.die('wait', 'before write of "n"');
    expect((await scope.live('wait')).told).toEqual(result('nobody'));
    // The run has ended, and takes nothing more.
    await scope.signal('approved', { by: 'late' });
    expect((await scope.live('wait')).told).toEqual(result('nobody'));
    expect(await scope.times()).toEqual({ before: 1, 'after nobody': 1 });
  });

  it('is taken once by a scope that begins anew, wherever it is killed', async () => {
    const scope = await Scope.create();
    await scope.die('again', 'after write of "c"');
    for (const value of ['one', 'two', 'three']) await scope.signal('go on', value);
    await scope.die('again', 'before write of "n"');
    await scope.die('again', 'during write of "n"');
    await scope.die('again', 'after write of "n"');
    await scope.die('again', 'before write of "consumed":1');
    await scope.die('again', 'during write of "consumed":1');
    await scope.die('again', 'after write of "consumed":1');
    await scope.die('again', 'after write of "consumed":2');
    expect((await scope.live('again')).told).toEqual({ result: '3 three' });
    expect(Object.keys(await scope.times())).toEqual(['1 one', '2 two', '3 three']);
  });
});

describe('a run that another program executes', () => {
  it('is cancelled there, and not continued', async () => {
    const scope = await Scope.create();
    const program = scope.begin('wait');
    await eventually(async () => expect((await scope.read())?.records.length).toBeGreaterThan(1));
    await scope.cancel();
    const cancelled = 'AbortError: run "run" was cancelled';
    expect((await program.ended).told).toEqual({ error: cancelled });
    expect(await scope.read()).toMatchObject({ status: 'cancelled', error: { name: 'AbortError' }, owner: undefined });
    const { told } = await scope.live('wait');
    expect(told?.error).toMatch(/^JournalError: run "run" was cancelled, and is not continued/);
    expect(await scope.times()).toEqual({ before: 1 });
  });

  it('is cancelled although that program is killed before it can record that', async () => {
    const scope = await Scope.create();
    const program = scope.begin('held, then wait', { death: 'before write of "end"' });
    await scope.until('held');
    await scope.cancel();
    expect(await program.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await scope.read()).toMatchObject({ status: 'running' });
    await scope.put('go');
    expect((await scope.live('held, then wait')).told).toEqual({ error: 'AbortError: run "run" was cancelled' });
    expect(await scope.times()).toEqual({ held: 1 });
  });

  it('is refused until that program is dead', async () => {
    const scope = await Scope.create();
    const first = scope.begin('wait');
    await scope.until('before');
    const { told } = await scope.live('wait');
    expect(told?.error).toMatch(
      new RegExp(`^LockedError: run "run" is being executed by process ${first.pid} on .*: wait until it ends there`),
    );
    await first.kill();
    await scope.signal('approved', { by: 'eve' });
    expect((await scope.live('wait')).told).toEqual({ result: [{ by: 'eve' }, 'after eve!'] });
  });
});
