import { describe, expect, it } from 'vitest';
import { acquire, type Holder, type LockFiles, sweep } from '../../src/shared/lock-protocol.js';
import fc from '../properties.js';

/** A simulated folder, and processes that do their steps in it in any order, until they are killed. */
class World {
  readonly files = new Map<string, string>();
  readonly alive = new Set<number>();
  readonly owners = new Set<number>();
  readonly #steps = new Map<number, () => void>();
  readonly #left = new Map<number, number>();

  /** @param steps - number of steps after which the process is killed. Default: never */
  start(pid: number, work: (files: LockFiles) => Promise<void>, steps = Infinity): Promise<void> {
    this.alive.add(pid);
    this.#left.set(pid, steps);
    return work(this.#filesOf(pid)).then(() => this.#end(pid));
  }

  /** Runs until no process has any steps left. */
  async run(choices: readonly number[] = []): Promise<void> {
    for (let at = 0; ; at++) {
      await new Promise(setImmediate);
      const pids = [...this.#steps.keys()].sort();
      if (pids.length === 0) return;
      expect(at, 'steps').toBeLessThan(20_000);
      const pid = pids[(choices[at] ?? at) % pids.length] as number;
      const step = this.#steps.get(pid) as () => void;
      this.#steps.delete(pid);
      const left = this.#left.get(pid) as number;
      this.#left.set(pid, left - 1);
      if (left > 0) step();
      else this.#end(pid);
      expect(this.owners.size, 'owners').toBeLessThanOrEqual(1);
    }
  }

  #end(pid: number): void {
    this.alive.delete(pid);
    this.owners.delete(pid);
  }

  #filesOf(pid: number): LockFiles {
    const { files, alive } = this;
    const step = <Value>(work: () => Value) =>
      new Promise<Value>((resolve) => {
        this.#steps.set(pid, () => resolve(work()));
      });
    return {
      create: async (name, content) => {
        await step(() => files.set(name, content.slice(0, 3)));
        if (content !== '') await step(() => files.has(name) && files.set(name, content));
      },
      link: (from, to) =>
        step(() => !files.has(to) && files.has(from) && files.set(to, files.get(from) as string) === files),
      read: (name) => step(() => files.get(name)),
      remove: (name) => step(() => void files.delete(name)),
      // A file that appears while the folder is read may be missing from the list.
      list: async () => {
        const names = await step(() => [...files.keys()]);
        return step(() => names.filter((name) => name.startsWith('lock')));
      },
      isAlive: (holder) => step(() => alive.has(holder.pid)),
      claimantOf: (name) => {
        const [, claimant] = /^lock\.(\d+)-/.exec(name) ?? [];
        return claimant === undefined ? undefined : { pid: Number(claimant), host: 'h', started: '1' };
      },
      pause: () => step(() => undefined),
    };
  }
}

const textOf = (pid: number) => JSON.stringify({ pid, host: 'h', started: '1', id: `${pid}` });

/** Takes the lock, holds it for a few steps, and releases it. */
async function use(world: World, files: LockFiles, pid: number, outcomes: Map<number, Holder | 'many' | 'had'>) {
  const holder: Holder = { pid, host: 'h', started: '1', id: `${pid}` };
  const refused = await acquire(files, { lock: 'lock', name: `lock.${pid}-x`, holder });
  if (refused !== undefined) {
    outcomes.set(pid, refused.by ?? 'many');
    return;
  }
  world.owners.add(pid);
  expect(world.owners.size, 'owners').toBe(1);
  outcomes.set(pid, 'had');
  await sweep(files, 'lock');
  for (let step = 0; step < 3; step++) await files.pause();
  if ((await files.read('lock')) !== textOf(pid)) throw new Error(`the lock of ${pid} is away`);
  world.owners.delete(pid);
  await files.remove('lock');
}

/** Files that a dead process has left. */
const left: Readonly<Record<string, string>> = {
  lock: textOf(1),
  'lock.guard': textOf(1),
  'lock.1-x': textOf(1),
  'lock.2-x': '{"p',
  'lock.2-x.take': '',
  'lock.0d1c2b3a': textOf(3),
  'lock.4e5f6071': '',
};

const leftovers = fc
  .subarray(Object.keys(left))
  .map((names) => names.map((name) => [name, left[name] as string] as const));
const choices = fc.array(fc.nat(11), { minLength: 50, maxLength: 400 });
const kills = fc.array(fc.option(fc.nat(60), { nil: undefined, freq: 2 }), { minLength: 2, maxLength: 4 });

describe('a lock', () => {
  it(
    'has one owner at most, and is free for the next, whoever is killed wherever',
    () =>
      fc.assert(
        fc.asyncProperty(leftovers, choices, kills, async (before, order, deaths) => {
          const world = new World();
          for (const [name, text] of before) world.files.set(name, text);
          const outcomes = new Map<number, Holder | 'many' | 'had'>();
          for (const [index, steps] of deaths.entries()) {
            void world.start(10 + index, (files) => use(world, files, 10 + index, outcomes), steps);
          }
          await world.run(order);
          // No process is in the way any more.
          expect(world.owners.size).toBe(0);
          await Promise.all([world.start(99, (files) => use(world, files, 99, outcomes)), world.run()]);
          expect(outcomes.get(99)).toBe('had');
          expect([...world.files.keys()]).toEqual([]);
        }),
        { numRuns: 1_500 },
      ),
    600_000,
  );

  it(
    'goes to one of those that want it, where nobody is killed',
    () =>
      fc.assert(
        fc.asyncProperty(leftovers, choices, fc.integer({ min: 2, max: 5 }), async (before, order, count) => {
          const world = new World();
          for (const [name, text] of before) world.files.set(name, text);
          const outcomes = new Map<number, Holder | 'many' | 'had'>();
          for (let pid = 10; pid < 10 + count; pid++)
            void world.start(pid, (files) => use(world, files, pid, outcomes));
          await world.run(order);
          expect(outcomes.size).toBe(count);
          expect([...outcomes.values()]).toContain('had');
          expect([...world.files.keys()].filter((name) => !name.startsWith('lock.'))).toEqual([]);
        }),
        { numRuns: 300 },
      ),
    600_000,
  );
});
