import { done, Loop, LoopManager, type Message, type Overflow } from 'orchestrator/loops';
import { expect, it } from 'vitest';
import fc from '../properties.js';
import { settled } from '../support.js';
import { plan, World } from './one-loop.js';

/** Outcome of one delivery of a message. */
type Fate = 'done' | 'done later' | 'fails' | 'fails later' | 'kills' | 'kills later';

const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Fate>('done', 'done later') },
  { weight: 2, arbitrary: fc.constantFrom<Fate>('fails', 'fails later') },
  { weight: 2, arbitrary: fc.constantFrom<Fate>('kills', 'kills later') },
);

const scenario = fc.record({
  fates: fc.array(fate, { minLength: 1, maxLength: 40, size: 'max' }),
  capacity: fc.integer({ min: 1, max: 6 }),
  overflow: fc.constantFrom<Overflow>('block', 'drop-oldest', 'drop-newest', 'fail'),
  batch: fc.constantFrom(undefined, 1, 3),
  kind: fc.constantFrom('blocking', 'non-blocking', 'reader'),
  waits: fc.boolean(),
});

it('delivers each message until its iteration has ended, in order, despite failures and aborts', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ fates, capacity, overflow, batch, kind, waits }) => {
      const world = new World();
      const queue = world.queue('q', { capacity, overflow });
      const worked: number[] = [];
      const firsts: number[] = [];
      const killed = new Set<number>();
      let kill = () => {};
      const work = async (value: number) => {
        const meets = fates[value] as Fate;
        if (meets.endsWith('later')) await settled();
        if (meets.startsWith('kills') && !killed.has(value)) {
          killed.add(value);
          kill();
          await settled();
          throw new Error('it was aborted');
        }
        if (meets.startsWith('fails')) throw new Error('failed');
        worked.push(value);
      };
      const workAll = async (value: number | number[]) => {
        const values = [value].flat();
        firsts.push(...values.filter((one) => !firsts.includes(one)));
        for (const one of values) await work(one);
        return value;
      };
      const sink = new Loop('sink', {
        onError: { action: 'restart', limit: Number.POSITIVE_INFINITY, backoff: 0, maxBackoff: 0 },
      });
      const settings = batch === undefined ? {} : { batch };
      if (kind === 'reader') sink.read('r', 'q', settings, workAll);
      else if (kind === 'blocking') sink.read('r', 'q', settings).blocking('w', workAll);
      else sink.read('r', 'q', settings).nonBlocking('w', workAll, { maxInFlight: 2 });

      let next = 0;
      const source = new Loop('source')
        .producer('p', () => {
          if (next === fates.length) return done;
          return waits ? settled().then(() => next++) : next++;
        })
        .push('out', 'q');

      const filling = new LoopManager(plan(source), world);
      const filled = (await filling.start()).ended;
      let isFilled = false;
      void filled.then(() => {
        isFilled = true;
        world.reader?.end();
      });
      for (;;) {
        const life = new LoopManager(plan(sink), world);
        const { ended } = await life.start();
        if (isFilled) world.reader?.end();
        kill = () => life.abort(new Error('killed'));
        life.stop({ drain: true });
        const { reason } = await ended;
        world.reader?.close();
        if (reason === 'drained') break;
        expect(reason).toBe('stopped');
      }
      expect(await filled).toEqual({ reason: 'done' });

      const { dropped, depth, unacknowledged, blocked } = queue.metrics;
      expect([depth, unacknowledged, blocked]).toEqual([0, 0, 0]);
      const refused = world.letters.filter(({ nodeId }) => nodeId === 'out').map(({ value }) => value as number);
      const failed = world.letters
        .filter(({ nodeId }) => nodeId !== 'out')
        .flatMap(({ value }) => value as number | number[]);
      const known = new Set([...worked, ...failed, ...refused]);
      const missing = fates.map((_, value) => value).filter((value) => !known.has(value));
      // Part of an interrupted batch was processed before the messages were dropped.
      if (overflow === 'drop-oldest') expect(missing.length).toBeLessThanOrEqual(dropped);
      else expect(missing).toHaveLength(dropped);
      if (overflow === 'block' || overflow === 'fail') expect(dropped).toBe(0);
      if (overflow !== 'fail') expect(refused).toEqual([]);
      expect(firsts).toEqual([...firsts].sort((one, other) => one - other));
    }),
    { numRuns: 300 },
  );
});

it('delivers each message of a queue to one of its readers', async () => {
  const world = new World();
  const seen: string[] = [];
  const loops = ['a', 'b', 'c'].map((id) =>
    new Loop(id).read('r', 'q').blocking('see', async (value, { message }) => {
      seen.push(`${(message as Message).id}`);
      await settled();
      return value;
    }),
  );
  const managers = loops.map((loop) => new LoopManager(plan(loop), world));
  const readers = [];
  const started = [];
  for (const manager of managers) {
    started.push(await manager.start());
    readers.push(world.reader);
  }
  for (let value = 1; value <= 30; value++) world.push('q', value);
  for (const reader of readers) reader?.end();
  for (const manager of managers) manager.stop({ drain: true });
  expect(await Promise.all(started.map(({ ended }) => ended))).toEqual(new Array(3).fill({ reason: 'drained' }));
  expect(seen.map(Number).sort((one, other) => one - other)).toEqual(
    Array.from({ length: 30 }, (_, index) => index + 1),
  );
  for (const manager of managers) expect(manager.metrics().iterations).toBeGreaterThan(0);
});
