import { beforeAll, describe, expect, it } from 'vitest';
import { Scope } from './lives.js';

/*
 * Programs with changed code that go on with a run that an earlier program was killed in. The old code calls work with
 * a, b, c and d; a, b and c are recorded.
 */

let killed: Scope;

beforeAll(async () => {
  killed = await Scope.create();
  await killed.die('steps', 'after write of c!');
});

const result = ['a!', 'b!', 'c!', 'd!'];

describe('changed code in the next program', () => {
  it.each([
    ['inserted', 1, '/ work'],
    ['removed', 1, '/ work'],
    ['removed at the end', 2, undefined],
    ['other arguments', 1, '/ work'],
    ['other order', 2, '/ work'],
    ['in a map', 0, '/map:work#0[0] work'],
    ['in a nested run', 0, '/run:nested#0 work'],
    ['other action', 0, '/ small'],
    ['sleeps before', 0, '/ sleep'],
  ] as const)('(steps: %s) executes nothing, and the error names both sides', async (change, recorded, called) => {
    const scope = await killed.copy();
    const identities = (await scope.records()).flatMap((record) => ('i' in record ? [record.i] : []));
    const { told, errors } = await scope.live(`steps: ${change}`);
    expect(errors).toBe('');
    const did = called === undefined ? 'has ended' : `calls ${called} `;
    expect(told?.error).toContain(`DivergenceError: run "run" ${did}`);
    expect(told?.error).toContain(
      `although ${identities[recorded]} is recorded and was not called: the code has changed`,
    );
    expect(await scope.times()).toEqual({ a: 1, b: 1, c: 1 });
    expect(await scope.read()).toMatchObject({ status: 'failed', owner: undefined });
    // The same again, and then the old code goes on.
    expect((await scope.live(`steps: ${change}`)).told).toEqual(told);
    expect((await scope.live('steps')).told).toEqual({ result });
    expect(await scope.times()).toEqual({ a: 1, b: 1, c: 1, d: 1 });
  });

  it('behind patched goes on without the change', async () => {
    const scope = await killed.copy();
    expect((await scope.live('steps: patched')).told).toEqual({ result });
    expect(await scope.times()).toEqual({ a: 1, b: 1, c: 1, d: 1 });
  });
});
