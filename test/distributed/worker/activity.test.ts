import { memory } from 'orchestrator/distributed';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { WorkItemState, WorkItemStateStore } from '../../../src/distributed/contracts.js';
import type { WorkItem } from '../../../src/distributed/journal/ledger.js';
import type { RunHandle } from '../../../src/distributed/run/run-handle.js';
import { Activity } from '../../../src/distributed/worker/activity.js';

/*
 * What a worker says of the nodes that it executes, on a store that may take a call long after it was given up.
 */

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const replica = { position: { visitOf: () => 1 }, numbering: { placeOf: () => 0 } };
const handle = { runId: 'run', incarnation: 1, replica } as unknown as RunHandle;
const item = (attempt: number) => ({ node: 0, round: 1, attempt }) as WorkItem;

/** A store whose `setStates` fails while `isAway`. The failed calls are carried out by `arrive`. */
class LateStore {
  readonly states = new Map<string, WorkItemState>();
  isAway = false;
  calls = 0;
  readonly #late: Parameters<WorkItemStateStore['setStates']>[0][number][] = [];
  readonly face: WorkItemStateStore = {
    engine: memory(),
    setStates: async (states) => {
      this.calls++;
      if (this.isAway) {
        this.#late.push(...states);
        throw new Error('away');
      }
      for (const { item, state } of states) this.states.set(item, state);
    },
    clearStates: async (items) => {
      this.calls++;
      for (const { item } of items) this.states.delete(item);
    },
    getStates: async () => {
      this.calls++;
      return [...this.states.values()];
    },
    countCrash: async () => 0,
    takeBackCrash: async () => undefined,
  };

  arrive(): void {
    for (const { item, state } of this.#late.splice(0)) this.states.set(item, state);
  }
}

/** Lets time pass, with two reports per second. */
async function pass(seconds: number, activity: Activity, store: LateStore): Promise<void> {
  for (let half = 0; half < seconds * 2; half++) {
    vi.advanceTimersByTime(500);
    await activity.report(store.face).catch(() => undefined);
  }
}

it.each([0.5, 3, 12, 29])('a state that arrives %s s after its call timed out is cleared', async (late) => {
  const store = new LateStore();
  const activity = new Activity('worker');
  const ended = activity.begin(handle, item(1), 'a');
  store.isAway = true;
  await pass(0.5, activity, store);
  ended('failed');
  store.isAway = false;
  await pass(late, activity, store);
  store.arrive();
  expect(store.states.size).toBe(1);
  await pass(35, activity, store);
  expect(store.states.size).toBe(0);
});

it('a late state is cleared even if a later call was answered before', async () => {
  const store = new LateStore();
  const activity = new Activity('worker');
  const ended = activity.begin(handle, item(1), 'a');
  store.isAway = true;
  await pass(0.5, activity, store);
  store.isAway = false;
  await pass(0.5, activity, store);
  expect(store.states.size).toBe(1);
  ended('failed');
  await pass(1, activity, store);
  expect(store.states.size).toBe(0);
  store.arrive();
  await pass(35, activity, store);
  expect(store.states.size).toBe(0);
});

it('a later state of the same item by another worker stays', async () => {
  const store = new LateStore();
  const [one, other] = [new Activity('one'), new Activity('other')];
  const ended = one.begin(handle, item(1), 'a');
  store.isAway = true;
  await pass(0.5, one, store);
  ended('retried');
  store.isAway = false;
  await pass(0.5, one, store);
  other.begin(handle, item(2), 'a');
  await pass(0.5, other, store);
  await pass(60, one, store);
  expect([...store.states.values()]).toMatchObject([{ workerId: 'other', attempt: 2 }]);
});

it('late states are looked for only for a while, and not at all if every call was answered', async () => {
  const store = new LateStore();
  const activity = new Activity('worker');
  const ended = activity.begin(handle, item(1), 'a');
  await pass(1, activity, store);
  ended('completed');
  await pass(60, activity, store);
  expect(store.calls).toBe(2);
  const endedToo = activity.begin(handle, item(2), 'a');
  store.isAway = true;
  await pass(0.5, activity, store);
  endedToo('completed');
  store.isAway = false;
  await pass(100, activity, store);
  const { calls } = store;
  await pass(100, activity, store);
  expect(store.calls).toBe(calls);
});
