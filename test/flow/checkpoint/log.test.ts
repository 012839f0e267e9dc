import { Orchestrator } from 'orchestrator';
import {
  CheckpointError,
  type CheckpointStore,
  type Context,
  Flow,
  LockedError,
  MemoryCheckpointStore,
  type NodeArgs,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it, vi } from 'vitest';
import { unseal } from '../../../src/flow/checkpoint/seal.js';
import { eventually } from '../../distributed/servers/eventually.js';
import { deferred, rejection } from '../../support.js';
import { over } from './over.js';

/** Returns true if a writer holds the run. */
async function isHeld(store: CheckpointStore, runId: string): Promise<boolean> {
  try {
    await (await store.claim(runId)).release();
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(LockedError);
    return true;
  }
}

/** Nodes that run in parallel and end one after another, when they are told to. */
function beside(ids: readonly string[]) {
  const gates = Object.fromEntries(ids.map((id) => [id, deferred<void>()]));
  const calls: string[] = [];
  let flow = new Flow<Context, unknown, string>('beside');
  for (const id of ids) {
    flow = flow.node(id, async () => {
      calls.push(id);
      await gates[id]?.promise;
      return id;
    });
  }
  const open = (id: string) => gates[id]?.resolve();
  return { flow, calls, open };
}

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('an entry that a store does not write', () => {
  it('fails the run; what ends after it is saved under its number', async () => {
    const store = new MemoryCheckpointStore();
    let failures = 1;
    const numbers: number[] = [];
    const checkpoint = over(store, {
      append: async (...args) => {
        numbers.push(args[1]);
        if (args[1] === 2 && failures-- > 0) throw new Error('no space');
        return store.append(...args);
      },
    });
    const { flow, calls, open } = beside(['a', 'b', 'c', 'd']);
    const running = rejection(flow.run({}, { runId: 'run', checkpoint }));
    for (const id of ['a', 'b', 'c', 'd']) {
      open(id);
      await turns();
    }
    expect(await running).toMatchObject({ message: 'no space' });
    expect(numbers).toEqual([1, 2, 2, 3]);
    expect(await isHeld(store, 'run')).toBe(false);
    const result = await flow.resume('run', { checkpoint });
    expect(result).toMatchObject({ status: 'completed', context: { a: 'a', b: 'b', c: 'c', d: 'd' } });
    expect(calls).toEqual(['a', 'b', 'c', 'd', 'b']);
  });

  it('takes those with it that were sent behind it', async () => {
    const store = new MemoryCheckpointStore();
    const gate = deferred<void>();
    let failures = 1;
    const checkpoint = over(store, {
      append: async (...args) => {
        if (args[1] === 1 && failures-- > 0) {
          await gate.promise;
          throw new Error('no space');
        }
        return store.append(...args);
      },
    });
    const { flow, calls, open } = beside(['a', 'b', 'c']);
    const running = rejection(flow.run({}, { runId: 'run', checkpoint }));
    for (const id of ['a', 'b']) {
      open(id);
      await turns();
    }
    gate.resolve();
    await turns();
    open('c');
    expect(await running).toMatchObject({ message: 'no space' });
    expect((await store.load('run'))?.entries).toHaveLength(1);
    expect((await flow.resume('run', { checkpoint })).status).toBe('completed');
    expect(calls).toEqual(['a', 'b', 'c', 'a', 'b']);
  });

  it('never comes to the store behind the one that has its number', async () => {
    // The second and third entries reach the store only after the fourth.
    const store = new MemoryCheckpointStore();
    const late: (() => Promise<void>)[] = [];
    let count = 0;
    const checkpoint = over(store, {
      append: async (...args) => {
        if (++count === 2 || count === 3) {
          late.push(() => store.append(...args));
          throw new Error('timed out');
        }
        return store.append(...args);
      },
    });
    const { flow, calls, open } = beside(['a', 'b', 'c', 'd']);
    const running = rejection(flow.run({}, { runId: 'run', checkpoint }));
    open('a');
    await turns();
    open('b');
    open('c');
    await turns();
    open('d');
    expect(await running).toMatchObject({ message: 'timed out' });
    expect(late).toHaveLength(2);
    for (const arrive of late) expect(await rejection(arrive())).toBeInstanceOf(CheckpointError);
    expect((await store.load('run'))?.entries).toHaveLength(2);
    const result = await flow.resume('run', { checkpoint });
    expect(result).toMatchObject({ status: 'completed', completed: expect.arrayContaining(['a', 'b', 'c', 'd']) });
    expect(calls).toEqual(['a', 'b', 'c', 'd', 'b', 'c']);
  });

  it('but has it all the same, leaves no other under its number, and is not repeated', async () => {
    const store = new MemoryCheckpointStore();
    let failures = 1;
    const checkpoint = over(store, {
      append: async (...args) => {
        await store.append(...args);
        if (args[1] === 2 && failures-- > 0) throw new Error('the answer was lost');
      },
    });
    const { flow, calls, open } = beside(['a', 'b', 'c']);
    const running = rejection(flow.run({}, { runId: 'run', checkpoint }));
    for (const id of ['a', 'b', 'c']) {
      open(id);
      await turns();
    }
    expect(await running).toMatchObject({ message: 'the answer was lost' });
    const result = await flow.resume('run', { checkpoint });
    expect(result).toMatchObject({ status: 'completed', context: { a: 'a', b: 'b', c: 'c' } });
    expect(calls.filter((id) => id === 'b')).toHaveLength(1);
  });

  it('because somebody else has the run now, ends the run, and nothing more is written', async () => {
    const store = new MemoryCheckpointStore();
    const checkpoint = over(store, {
      append: async (...args) => {
        if (args[1] > 1) throw new LockedError('run', 'somebody else', Date.now());
        return store.append(...args);
      },
    });
    const claims = vi.spyOn(checkpoint, 'claim');
    const appends = vi.spyOn(checkpoint, 'append');
    const { flow, open } = beside(['a', 'b', 'c']);
    const running = rejection(flow.run({}, { runId: 'run', checkpoint }));
    for (const id of ['a', 'b', 'c']) {
      open(id);
      await turns();
    }
    expect(await running).toBeInstanceOf(LockedError);
    expect(claims).toHaveBeenCalledTimes(1);
    expect(appends).toHaveBeenCalledTimes(2);
  });
});

describe('a store that answers out of order', () => {
  it('lets entries hold in theirs', async () => {
    const store = new MemoryCheckpointStore();
    const gate = deferred<void>();
    const checkpoint = over(store, {
      append: async (...args) => {
        await store.append(...args);
        if (args[1] === 1) await gate.promise;
      },
    });
    const { flow, open } = beside(['a', 'b']);
    const running = flow.run({}, { runId: 'run', checkpoint });
    open('a');
    await turns();
    open('b');
    await turns();
    expect((await store.load('run'))?.entries).toHaveLength(2);
    gate.resolve();
    expect(await running).toMatchObject({ status: 'completed', completed: ['a', 'b'] });
  });
});

describe('a store that does not answer', () => {
  const never = () => new Promise<never>(() => {});

  it.each(['claim', 'load', 'save', 'append'] as const)(
    'to %s holds up an aborted run for five seconds',
    async (name) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const checkpoint = over(new MemoryCheckpointStore(), { [name]: never });
        const { flow, open } = beside(['a']);
        const abort = new AbortController();
        const running = rejection(flow.run({}, { runId: 'run', checkpoint, signal: abort.signal }));
        open('a');
        await turns();
        let isOver = false;
        void running.then(() => {
          isOver = true;
        });
        abort.abort(new Error('enough'));
        await vi.advanceTimersByTimeAsync(4_900);
        await turns();
        expect(isOver).toBe(false);
        await vi.advanceTimersByTimeAsync(200);
        // If the store does not answer an entry, the run is claimed again and released.
        for (let round = 0; round < 5; round++) await vi.advanceTimersByTimeAsync(5_100);
        const error = await running;
        expect(error).toBeInstanceOf(CheckpointError);
        expect(error).toMatchObject({
          message: expect.stringContaining('has not answered'),
          cause: abort.signal.reason,
        });
      } finally {
        vi.useRealTimers();
      }
    },
  );

  it('is waited for no longer than the signal says, also inside a process that can be aborted', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const checkpoint = over(new MemoryCheckpointStore(), { claim: never });
      const abort = new AbortController();
      const options = { runId: 'run', checkpoint, signal: abort.signal };
      const running = rejection(
        new Orchestrator().run(() => new Flow('f').node('a', () => 1).run({}, options), { timeout: 1_000_000 }),
      );
      await turns();
      abort.abort(new Error('enough'));
      await vi.advanceTimersByTimeAsync(5_100);
      expect(await running).toMatchObject({ name: 'CheckpointError', cause: abort.signal.reason });
    } finally {
      vi.useRealTimers();
    }
  });

  it('to a release does not hold up the result', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const store = new MemoryCheckpointStore();
      const checkpoint = over(store, {
        claim: async (...args) => ({ ...(await store.claim(...args)), release: never }),
      });
      const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
      const running = new Flow('f').node('a', () => 1).run({}, { runId: 'run', checkpoint, logger });
      await turns();
      await vi.advanceTimersByTimeAsync(5_100);
      expect(await running).toMatchObject({ status: 'completed' });
      expect(logger.warn).toHaveBeenCalledWith(expect.stringContaining('could not be released'), expect.anything());
    } finally {
      vi.useRealTimers();
    }
  });

  it('to a claim in time, gives back what it answers with later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const store = new MemoryCheckpointStore();
      const gate = deferred<void>();
      const checkpoint = over(store, {
        claim: async (...args) => {
          await gate.promise;
          return store.claim(...args);
        },
      });
      const abort = new AbortController();
      const running = rejection(
        new Flow('f').node('a', () => 1).run({}, { runId: 'run', checkpoint, signal: abort.signal }),
      );
      abort.abort(new Error('enough'));
      await turns();
      await vi.advanceTimersByTimeAsync(5_100);
      expect(await running).toBeInstanceOf(CheckpointError);
      gate.resolve();
      await turns();
      expect(await isHeld(store, 'run')).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});

/** A loop whose turns put the given number of characters into the context. */
function growing(count: number, size: number) {
  return new Flow('growing', { maxVisits: count + 1 })
    .node('turn', (_: unknown, { visit, context }: NodeArgs) => {
      context.last = `${visit}:${'x'.repeat(size)}`;
      return withAction(visit < count ? 'again' : 'on', visit);
    })
    .wait('w')
    .edge('turn', 'turn', { action: 'again' })
    .edge('turn', 'w', { action: 'on' });
}

describe('snapshots', () => {
  it('are saved by how much was written, beside the entries that follow', async () => {
    const store = new MemoryCheckpointStore();
    const saves: { readonly seq: number; readonly length: number }[] = [];
    const gates: (() => void)[] = [];
    const checkpoint = over(store, {
      save: async (...args) => {
        saves.push({ seq: args[2], length: args[1].length });
        // All snapshots but the first take as long as the run.
        if (saves.length > 1) await new Promise<void>((resolve) => gates.push(resolve));
        return store.save(...args);
      },
    });
    const running = growing(100, 10_000).run({}, { runId: 'run', checkpoint });
    await eventually(() => expect(gates.length).toBe(1));
    await eventually(async () => expect((await store.load('run'))?.entries.length).toBe(101));
    for (const open of gates) open();
    expect(await running).toMatchObject({ status: 'awaiting' });
    expect(saves).toHaveLength(2);
    const [, second] = saves;
    expect(second?.seq).toBeGreaterThan(20);
    expect(second?.seq).toBeLessThan(40);
    const kept = unseal('run', (await store.load('run')) as never);
    expect(kept.seq).toBe(second?.seq);
    expect(kept.entries).toHaveLength(101 - kept.seq);
    const result = await growing(100, 10_000).resume('run', { checkpoint: store, events: { w: 'go' } });
    expect(result).toMatchObject({ status: 'completed', context: { turn: 100, w: 'go' } });
  });

  it('cost no more than a few times what the entries do, however large the context', async () => {
    const store = new MemoryCheckpointStore();
    let snapshots = 0;
    let entries = 0;
    const checkpoint = over(store, {
      save: (...args) => {
        snapshots += args[1].length;
        return store.save(...args);
      },
      append: (...args) => {
        entries += args[2].length;
        return store.append(...args);
      },
    });
    const large = Object.fromEntries(
      Array.from({ length: 100 }, (_, key) => [`key${key}`, `${key}${'y'.repeat(10_000)}`]),
    );
    await growing(400, 10_000).run(large, { runId: 'run', checkpoint });
    expect(snapshots).toBeLessThan(2 * entries);
    const kept = await store.load('run');
    const length = (kept?.entries ?? []).join('').length;
    expect(length).toBeLessThan(2 * (kept?.snapshot.length ?? 0));
  });

  it('that fail do not fail the run, and lose nothing', async () => {
    const store = new MemoryCheckpointStore();
    let saves = 0;
    const checkpoint = over(store, {
      save: (...args) => {
        if (++saves > 1) throw new Error('no space for it');
        return store.save(...args);
      },
    });
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const flow = growing(200, 10_000);
    expect(await flow.run({}, { runId: 'run', checkpoint, logger })).toMatchObject({ status: 'awaiting' });
    expect(saves).toBeGreaterThan(2);
    expect(logger.warn).toHaveBeenCalledWith(
      expect.stringContaining('snapshot'),
      expect.objectContaining({ runId: 'run', err: expect.objectContaining({ message: 'no space for it' }) }),
    );
    expect((await store.load('run'))?.entries).toHaveLength(201);
    const result = await flow.resume('run', { checkpoint: store, events: { w: 'go' } });
    expect(result).toMatchObject({ status: 'completed', context: { turn: 200, w: 'go' } });
  });

  it('that take longer than five seconds leave the run free when it ends, and arrive nowhere', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const store = new MemoryCheckpointStore();
      const late: (() => Promise<void>)[] = [];
      let saves = 0;
      const checkpoint = over(store, {
        save: (...args) => {
          if (++saves === 1) return store.save(...args);
          return new Promise((resolve, reject) => late.push(() => store.save(...args).then(resolve, reject)));
        },
      });
      const flow = growing(40, 10_000);
      const running = flow.run({}, { runId: 'run', checkpoint });
      await eventually(() => expect(late.length).toBeGreaterThan(0));
      await eventually(async () => expect((await store.load('run'))?.entries.length).toBe(41));
      await vi.advanceTimersByTimeAsync(5_100);
      expect(await running).toMatchObject({ status: 'awaiting' });
      await Promise.all(late.map((arrive) => arrive()));
      expect((await store.load('run'))?.entries).toHaveLength(41);
      const result = await flow.resume('run', { checkpoint: store, events: { w: 'go' } });
      expect(result).toMatchObject({ status: 'completed', context: { turn: 40, w: 'go' } });
    } finally {
      vi.useRealTimers();
    }
  });
});
