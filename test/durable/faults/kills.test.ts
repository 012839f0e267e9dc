import { describe, expect, it } from 'vitest';
import { amountOf } from '../../needs/amount.js';
import { type Life, Scope } from './lives.js';

/*
 * Durable scopes whose programs are killed (SIGKILL) at writes to the journal. That nothing recorded is repeated is
 * expected of every life, in `Scope.live`.
 */

const points = ['before', 'during', 'after'] as const;
/** Number of kills of scopes in which chance decides. */
const kills = amountOf('DURABLE_KILLS', 25, 6);

/** Kills a scope at writes, again and again until it ends, and begins new ones until there were enough kills. */
async function killedOften(name: string, lastWrite: number, check: (life: Life, scope: Scope) => unknown) {
  let scope = await Scope.create();
  let killed = 0;
  for (let life = 0; killed < kills; life++) {
    // A scope that never ends in a killed program ends in the sixth.
    const death = life % 6 === 5 ? {} : { death: `${points[life % 3]} write ${1 + ((life * 7) % lastWrite)}` };
    const ended = await scope.live(name, death);
    if (ended.signal !== null) {
      killed++;
      continue;
    }
    await check(ended, scope);
    scope = await Scope.create();
  }
  await check(await scope.live(name), scope);
}

describe('a program of a durable scope', () => {
  it('that is killed three times in a map of 1,000 repeats only what was under way', async () => {
    const scope = await Scope.create();
    let before = 0;
    for (const [index, point] of points.entries()) {
      await scope.die('map', `${point} write ${20 + 5 * index}`);
      const now = (await scope.effects()).size;
      expect(now).toBeGreaterThan(before);
      before = now;
    }
    const { told } = await scope.live('map');
    expect(told).toEqual({ result: Array.from({ length: 1_000 }, (_, index) => `${index}!`) });
    const counts = Object.values(await scope.times());
    expect(counts).toHaveLength(1_000);
    expect(counts.reduce((sum, count) => sum + count - 1, 0)).toBeLessThanOrEqual(3 * 20);
  });

  it.each([
    ['before', 2],
    ['during', 2],
    ['after', 1],
  ] as const)('that is killed %s the record of a task has its effect %d times in all', async (point, times) => {
    const scope = await Scope.create();
    await scope.die('sleep', `${point} write of before!`);
    expect((await scope.live('sleep')).told).toEqual({ result: 'after!' });
    expect(await scope.times()).toEqual({ before: times, after: 1 });
  });

  it.each(['all', 'all with raw work between'])(
    `has the same result and effects, however often it is killed in a Promise.%s (${kills} times here)`,
    { timeout: 300_000 },
    async (name) => {
      const branches = ['a', 'b', 'c', 'd', 'e', 'f'];
      const second = (branch: string) => (name === 'all' ? `${branch}!!` : `${branch}! after ${branch}!`);
      await killedOften(name, 8, async ({ told }, scope) => {
        expect(told).toEqual({ result: branches.map(second) });
        expect((await scope.effects()).size).toBe(12);
        await scope.times();
      });
    },
  );

  it('has the same winner of a race in each life', { timeout: 300_000 }, async () => {
    await killedOften('race', 5, async ({ told }, scope) => {
      expect(told).toEqual({ result: 'same' });
      expect((await scope.lines()).filter((line) => line.startsWith('winner')).length).toBeGreaterThan(0);
      expect(Object.keys(await scope.times()).filter((name) => name.startsWith('winner'))).toHaveLength(1);
    });
  });

  it('does the same again where the order of results decides', { timeout: 300_000 }, async () => {
    await killedOften('order', 6, async ({ told }, scope) => {
      expect(told).toEqual({ result: ['a!', 'b!', 'c!', 'd!'] });
      expect(Object.keys(await scope.times()).filter((name) => name.startsWith('order'))).toHaveLength(1);
    });
  });

  it('does not repeat a failure that was caught', { timeout: 300_000 }, async () => {
    await killedOften('caught', 4, async ({ told }, scope) => {
      expect(told).toEqual({ result: ['a', 'b', 'c'].map((each) => `RangeError no ${each}`) });
      expect((await scope.effects()).size).toBe(6);
    });
  });

  it('aborts what failFast has aborted in an earlier life', { timeout: 300_000 }, async () => {
    await killedOften('fail fast', 5, ({ told }) => expect(told).toEqual({ result: ['no first', 'after!'] }));
  });

  it('goes on with a scope of many tasks', { timeout: 300_000 }, async () => {
    const many = amountOf('DURABLE_TASKS', 100_000, 20_000);
    const env = { MANY: String(many) };
    const scope = await Scope.create();
    await scope.die('many', `during write ${many / 2_500}`, { env });
    const told = { result: many * (many - 1) };
    expect((await scope.live('many', { env })).told).toEqual(told);
    expect((await scope.live('many', { env })).told).toEqual(told);
  });
});
