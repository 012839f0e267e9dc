import { describe, expect, it } from 'vitest';
import { Batches, type Write } from '../../src/loops/store/batches.js';
import { rejection } from '../support.js';

/** A fake disk: records what was written, and can be made to fail. */
function disk() {
  const commits: string[][] = [];
  const told: (string | undefined)[] = [];
  let problem: string | undefined;
  let retry = () => {};
  const batches = new Batches({
    commit: async (writes) => {
      if (problem !== undefined) throw new Error(problem);
      commits.push(writes.map(nameOf));
    },
    explain: async (cause) => new Error(`told: ${(cause as Error).message}`),
    untilRetry: (signal) =>
      new Promise((resolve) => {
        retry = resolve;
        signal.addEventListener('abort', () => resolve());
      }),
    onFailure: (failure) => void told.push(failure?.message),
  });
  return {
    batches,
    commits,
    told,
    fill: (reason: string) => {
      problem = reason;
    },
    makeRoom: () => {
      problem = undefined;
      retry();
    },
  };
}

const nameOf = ({ key, value }: Write) => `${value === undefined ? '-' : '+'}${key.join('/')}`;
const put = (name: string, isNew = false): Write => ({ key: [name], value: Buffer.from(name), isNew });
const remove = (name: string): Write => ({ key: [name], value: undefined, isNew: false });

describe('batches', () => {
  it('write the changes of one turn together, and later ones in the next batch', async () => {
    const { batches, commits } = disk();
    batches.add(put('a'));
    batches.add(put('b'));
    await batches.flushed();
    batches.add(remove('a'));
    await batches.flushed();
    expect(commits).toEqual([['+a', '+b'], ['-a']]);
  });

  it('write only the last change of a key, and nothing for a new key that is removed again', async () => {
    const { batches, commits } = disk();
    for (const write of [put('a'), put('a'), remove('a'), put('b', true), put('b'), remove('b')]) batches.add(write);
    await batches.flushed();
    expect(commits).toEqual([['-a']]);
    batches.add(put('c', true));
    batches.add(remove('c'));
    await batches.flushed();
    expect(commits).toHaveLength(1);
  });

  it('that fail reject at once, are reported once, and are written together with later changes', async () => {
    const { batches, commits, told, fill, makeRoom } = disk();
    fill('full');
    batches.add(put('a', true));
    batches.add(put('b', true));
    const flushed = batches.flushed();
    batches.add(put('c'));
    expect(await rejection(flushed)).toMatchObject({ message: 'told: full' });
    expect(await rejection(batches.flushed())).toMatchObject({ message: 'told: full' });
    batches.add(remove('b'));
    makeRoom();
    await expect.poll(() => told).toEqual(['told: full', undefined]);
    await batches.flushed();
    expect(commits).toEqual([['+a', '+c']]);
  });

  it('have nothing left to write if all new keys are removed again', async () => {
    const { batches, commits, told, fill, makeRoom } = disk();
    fill('full');
    batches.add(put('a', true));
    await rejection(batches.flushed());
    batches.add(remove('a'));
    makeRoom();
    await expect.poll(() => told).toEqual(['told: full', undefined]);
    expect(commits).toEqual([]);
  });

  it('end with one more attempt', async () => {
    const well = disk();
    well.batches.add(put('a'));
    await well.batches.end();
    expect(well.commits).toEqual([['+a']]);

    const full = disk();
    full.fill('full');
    full.batches.add(put('a'));
    await rejection(full.batches.flushed());
    expect(await rejection(full.batches.end())).toMatchObject({ message: 'told: full' });

    const late = disk();
    late.fill('full');
    late.batches.add(put('a'));
    await rejection(late.batches.flushed());
    late.makeRoom();
    await late.batches.end();
    expect(late.commits).toEqual([['+a']]);
  });
});
