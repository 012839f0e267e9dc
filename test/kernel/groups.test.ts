import { tracingChannel } from 'node:diagnostics_channel';
import { type GroupRecord, instrument, Orchestrator, ParallelError } from 'orchestrator';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred, rejection, settled } from '../support.js';

const channel = tracingChannel<GroupRecord>('orchestrator:group');
const fail = async () => {
  throw new Error('no');
};

/** Collects the events about groups while `work` runs, each with a copy of the record at that time. */
async function published(work: () => Promise<unknown>) {
  const seen: { event: string; record: GroupRecord; copy: GroupRecord }[] = [];
  const note = (event: string) => (message: unknown) => {
    const record = message as GroupRecord;
    seen.push({ event, record, copy: { ...record } });
  };
  const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
  const subscribers = Object.fromEntries(events.map((event) => [event, note(event)])) as never;
  channel.subscribe(subscribers);
  try {
    await work().catch(() => {});
  } finally {
    channel.unsubscribe(subscribers);
  }
  return seen;
}

/** Returns the only group that is published while `work` runs, in its final state. */
async function groupOf(work: () => Promise<unknown>): Promise<GroupRecord> {
  const ends = (await published(work)).filter(({ event }) => event === 'asyncEnd');
  expect(ends).toHaveLength(1);
  return ends[0]?.copy as GroupRecord;
}

/** Returns the total that a map knew when it began. */
async function totalAtStart(items: Iterable<unknown> | AsyncIterable<unknown>): Promise<number | undefined> {
  const orchestrator = new Orchestrator();
  const seen = await published(() => orchestrator.map(items, (item) => item));
  return seen.find(({ event }) => event === 'start')?.copy.total;
}

let remove: (() => void) | undefined;
afterEach(() => {
  remove?.();
  remove = undefined;
});

describe('the channel of groups', () => {
  it('has the given name, or the name of the action of a map, or parallel', async () => {
    const orchestrator = new Orchestrator();
    const load = async function load() {};
    for (const [work, name] of [
      [orchestrator.parallel([load]), 'parallel'],
      [orchestrator.parallel({ load }, { name: 'both' }), 'both'],
      [() => orchestrator.map([1], load), 'load'],
      [() => orchestrator.map([1], load, { name: 'stations' }), 'stations'],
    ] as const) {
      expect((await groupOf(work)).name).toBe(name);
    }
    expect(() => orchestrator.parallel([load], { name: 5 as never })).toThrow(/name must be/);
  });

  it('publishes the actions of a parallel call from beginning to end', async () => {
    const orchestrator = new Orchestrator();
    const both = orchestrator.parallel([async () => 1, async () => 2]);
    const seen = await published(() => orchestrator.run(() => both(), { id: 'p' }));
    expect(seen.map(({ event }) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    const group = { processId: 'p', kind: 'parallel', name: 'parallel', total: 2 };
    expect(seen[0]?.copy).toMatchObject({ ...group, settled: 0, failed: 0, status: 'running', duration: 0 });
    expect(seen[3]?.copy).toMatchObject({ ...group, settled: 2, failed: 0, status: 'completed', error: undefined });
    expect(seen[3]?.copy.duration).toBeGreaterThan(0);
    expect(new Set(seen.map(({ record }) => record)).size).toBe(1);
  });

  it('names a map by its action, and one without a name anonymous', async () => {
    const orchestrator = new Orchestrator();
    const fetchUser = orchestrator.action(async (id: number) => id, { name: 'fetchUser' });
    expect(await groupOf(() => orchestrator.map([1, 2], fetchUser))).toMatchObject({ kind: 'map', name: 'fetchUser' });
    expect(await groupOf(() => orchestrator.map([1], (id) => id))).toMatchObject({ kind: 'map', name: 'anonymous' });
  });

  it('publishes a call of any: the winner and the failures are counted, and not those that lost', async () => {
    const orchestrator = new Orchestrator();
    const lost = orchestrator.action(() => new Promise(() => {}));
    const group = await groupOf(() => orchestrator.any([fail, async () => 1, lost])());
    expect(group).toMatchObject({ kind: 'any', name: 'any', total: 3, settled: 2, failed: 1, status: 'completed' });
    expect(await groupOf(() => orchestrator.any([fail, fail], { name: 'quote' })())).toMatchObject({
      name: 'quote',
      status: 'failed',
      settled: 2,
      failed: 2,
      error: expect.any(ParallelError),
    });
  });

  it('publishes an iteration of each from its first request to its end', async () => {
    const orchestrator = new Orchestrator();
    const load = orchestrator.action(async (id: number) => id, { name: 'load' });
    const numbers = function* () {
      yield* [1, 2, 3];
    };
    const all = async () => {
      for await (const _ of orchestrator.each(numbers(), load));
    };
    expect(await groupOf(all)).toMatchObject({ kind: 'each', name: 'load', total: 3, settled: 3, status: 'completed' });
    const first = async () => {
      for await (const _ of orchestrator.each([1, 2, 3], load, { concurrency: 1, name: 'users' })) break;
    };
    expect(await groupOf(first)).toMatchObject({ kind: 'each', name: 'users', settled: 1, status: 'completed' });
    const failing = async () => {
      for await (const _ of orchestrator.each([1], fail));
    };
    expect(await groupOf(failing)).toMatchObject({ name: 'fail', failed: 1, status: 'failed', error: new Error('no') });
  });

  it('says completed for a group with settle that has reached its limit, and failed without', async () => {
    const orchestrator = new Orchestrator();
    const hang = () => new Promise(() => {});
    const limited = (settle: boolean) => () => orchestrator.parallel([() => 1, hang], { settle, timeout: 5 })();
    expect(await groupOf(limited(true))).toMatchObject({ status: 'completed', settled: 1, failed: 0 });
    expect(await groupOf(limited(false))).toMatchObject({ status: 'failed', settled: 1, failed: 0 });
  });

  it('publishes a group outside any run in the run that is opened for it', async () => {
    const processes: unknown[] = [];
    const orchestrator = new Orchestrator().onProcessBegin(({ id }) => processes.push(id));
    const { processId } = await groupOf(() => orchestrator.parallel([() => 1])());
    expect(processes).toEqual([processId]);
  });

  it('counts while the group is running', async () => {
    const gates = [deferred(), deferred(), deferred()] as const;
    const orchestrator = new Orchestrator();
    let group: GroupRecord | undefined;
    remove = instrument({
      group: (record) => {
        group = record;
      },
    });
    const pending = rejection(orchestrator.map(gates, ({ promise }) => promise));
    await settled();
    expect(group).toMatchObject({ settled: 0, failed: 0, total: 3 });
    gates[1].resolve();
    await settled();
    expect(group).toMatchObject({ settled: 1, failed: 0 });
    gates[2].reject(new Error('no'));
    await settled();
    expect(group).toMatchObject({ settled: 2, failed: 1, status: 'running' });
    gates[0].resolve();
    await pending;
    expect(group).toMatchObject({ settled: 3, failed: 1, status: 'failed' });
  });

  it('says failed, with the error, if some actions have failed', async () => {
    const orchestrator = new Orchestrator();
    const group = await groupOf(() => orchestrator.parallel([async () => 1, fail, fail])());
    expect(group).toMatchObject({ status: 'failed', settled: 3, failed: 2, total: 3 });
    expect(group.error).toBeInstanceOf(ParallelError);
  });

  it('says completed, with the failures counted, if the group has settle', async () => {
    const orchestrator = new Orchestrator();
    const group = await groupOf(() => orchestrator.parallel([async () => 1, fail], { settle: true })());
    expect(group).toMatchObject({ status: 'completed', settled: 2, failed: 1, error: undefined });
  });

  it('counts the failure that ended the group, and not the siblings that were interrupted', async () => {
    const orchestrator = new Orchestrator();
    const dawdle = orchestrator.action(() => new Promise((resolve) => setTimeout(resolve, 50)));
    const cutShort = async () => {
      const { signal } = orchestrator;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut short'))));
    };
    const work = () => orchestrator.parallel([cutShort, dawdle, fail, cutShort], { failFast: true })();
    const seen = await published(work);
    const last = seen.at(-1);
    expect(last?.copy).toMatchObject({ status: 'failed', settled: 1, failed: 1, total: 4 });
    expect(last?.copy.error).toEqual(new Error('no'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect({ ...last?.record }).toEqual(last?.copy);
  });

  it('does not count actions that an abort of the run has interrupted, and says cancelled', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const reason = new Error('enough');
    const ids = [0, 1, 2, 3];
    const one = orchestrator.action((id: number) => (id === 0 ? 'done' : new Promise(() => {})));
    const group = await groupOf(async () => {
      const pending = orchestrator.run(() => orchestrator.map(ids, one, { concurrency: 3 }), {
        signal: controller.signal,
      });
      setTimeout(() => controller.abort(reason), 5);
      await pending;
    });
    expect(group).toMatchObject({ status: 'cancelled', error: reason, settled: 1, failed: 0, total: 4 });
  });

  it('does not change after its end, whatever ends later', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const late = deferred();
    const seen = await published(async () => {
      const pending = orchestrator.run(() => orchestrator.parallel([() => late.promise, () => late.promise])(), {
        signal: controller.signal,
      });
      setImmediate(() => controller.abort());
      await pending;
    });
    late.resolve();
    await settled();
    const last = seen.at(-1);
    expect(last?.copy).toMatchObject({ status: 'cancelled', settled: 0 });
    expect({ ...last?.record }).toEqual(last?.copy);
  });

  it('knows from the start how many items an array, a typed array, a Set and a Map have', async () => {
    expect(await totalAtStart([1, 2, 3])).toBe(3);
    expect(await totalAtStart(new Uint8Array(4))).toBe(4);
    expect(await totalAtStart(new Set('ab'))).toBe(2);
    expect(await totalAtStart(new Map([[1, 2]]))).toBe(1);
    expect(await totalAtStart([])).toBe(0);
  });

  it('ignores a length or size that may mean something else', async () => {
    const route = { length: 12.5, size: 7, *[Symbol.iterator]() {} };
    const watchful = {
      get length(): number {
        throw new Error('not to be read');
      },
      *[Symbol.iterator]() {},
    };
    expect(await totalAtStart(route)).toBeUndefined();
    expect(await totalAtStart(watchful)).toBeUndefined();
    expect(await totalAtStart('👍👍')).toBeUndefined();
  });

  it('knows the total of a generator, sync or async, when all items were taken', async () => {
    const orchestrator = new Orchestrator();
    const numbers = function* () {
      yield* [1, 2, 3];
    };
    const numbersLater = async function* () {
      yield* numbers();
    };
    expect(await totalAtStart(numbers())).toBeUndefined();
    expect(await groupOf(() => orchestrator.map(numbers(), (item) => item))).toMatchObject({ total: 3, settled: 3 });
    const group = await groupOf(() => orchestrator.map(numbersLater(), (item) => item, { concurrency: 2 }));
    expect(group).toMatchObject({ total: 3, settled: 3 });
  });

  it('leaves the total open if a failure ended the group before all items were taken', async () => {
    const orchestrator = new Orchestrator();
    const endless = function* () {
      for (let id = 0; ; id++) yield id;
    };
    const work = () => orchestrator.map(endless(), fail, { concurrency: 2, failFast: true });
    expect(await groupOf(work)).toMatchObject({ status: 'failed', total: undefined, settled: 1, failed: 1 });
  });

  it('corrects the total if items were added while others were taken', async () => {
    const orchestrator = new Orchestrator();
    const pages = [1];
    const crawl = async (page: number) => {
      if (page < 3) pages.push(page + 1);
    };
    expect(await groupOf(() => orchestrator.map(pages, crawl, { concurrency: 1 }))).toMatchObject({
      total: 3,
      settled: 3,
    });
  });

  it('fails with the error of the iterator', async () => {
    const orchestrator = new Orchestrator();
    const broken = async function* () {
      yield 1;
      throw new Error('the source broke');
    };
    const group = await groupOf(() => orchestrator.map(broken(), (item) => item));
    expect(group).toMatchObject({ status: 'failed', total: undefined, failed: 0 });
    expect((group.error as Error).message).toBe('the source broke');
  });
});
