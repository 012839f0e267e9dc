import { Orchestrator } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import fc from '../properties.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const call = fc.record({
  at: fc.nat(60),
  key: fc.nat(2),
  abortAfter: fc.option(fc.nat(30), { nil: undefined }),
  nested: fc.boolean(),
});
const share = fc.oneof(
  fc.constant(true),
  fc.constant('run' as const),
  fc.record({ ttl: fc.nat(25), max: fc.constant(2) }),
);
const program = fc.record({
  share,
  calls: fc.array(call, { minLength: 1, maxLength: 15 }),
  durations: fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }),
  failing: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
});

const wait = (delay: number) => new Promise<void>((resolve) => setTimeout(resolve, delay));

describe('share, for every program of calls and aborts', () => {
  it('settles each call by its own abort or by the work, which runs once at a time while somebody waits', async () => {
    const check = fc.asyncProperty(program, async ({ share, calls, durations, failing }) => {
      const orchestrator = new Orchestrator();
      const running = new Map<string, number>();
      let begun = 0;
      const act = orchestrator.action(
        async (key: number, run: string) => {
          const place = share === 'run' ? `${key} ${run}` : `${key}`;
          const number = begun++;
          const { signal } = orchestrator;
          running.set(place, (running.get(place) ?? 0) + 1);
          // An aborted flight is followed by another one while its function still runs.
          const leave = () => running.set(place, (running.get(place) ?? 0) - 1);
          signal.addEventListener('abort', leave);
          expect(running.get(place)).toBe(1);
          await wait(durations[number % durations.length] as number);
          if (signal.aborted) return 'nobody waits';
          signal.removeEventListener('abort', leave);
          leave();
          if (failing[number % failing.length]) throw new Error(`no ${key}`);
          return `result ${key}`;
        },
        { share: typeof share === 'object' ? { ...share, key: (key) => key } : share },
      );
      // Calls with `true` share work by all arguments, so all have the same.
      const keyed = (key: number, run: string) => act(key, share === 'run' ? run : '');
      const inner = orchestrator.action((key: number, run: string) => keyed(key, run));
      const outcomes = calls.map(async ({ at, key, abortAfter, nested }, index) => {
        await wait(at);
        const controller = new AbortController();
        const reason = new Error(`stop ${index}`);
        if (abortAfter !== undefined) setTimeout(() => controller.abort(reason), abortAfter);
        const work = () => (nested ? inner : keyed)(key, `${index}`);
        const twice = async () => (await Promise.allSettled([work(), work()]))[1] as PromiseSettledResult<string>;
        const outcome = await orchestrator.run(twice, { signal: controller.signal }).catch((error) => error);
        if (outcome === reason) expect(abortAfter).toBeDefined();
        else if (outcome.status === 'fulfilled') expect(outcome.value).toBe(`result ${key}`);
        else expect([`no ${key}`, reason.message]).toContain(outcome.reason.message);
      });
      const all = Promise.all(outcomes);
      all.catch(() => {});
      await vi.runAllTimersAsync();
      await all;
      expect(vi.getTimerCount()).toBe(0);
      expect([...running.values()].every((count) => count === 0)).toBe(true);
    });
    await fc.assert(check, { numRuns: 200 });
  });
});
