import { type Message, QueueFullError } from 'orchestrator/loops';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Overflow } from '../../src/loops/definition.js';
import { MessageQueue, type MessageQueueOptions } from '../../src/loops/queues/message-queue.js';
import type { Reader } from '../../src/loops/queues/reader.js';
import { Topic } from '../../src/loops/queues/topic.js';
import { Deque } from '../../src/shared/deque.js';
import fc from '../properties.js';
import { useFakeTime } from './one-loop.js';

const queueOf = (options: Partial<MessageQueueOptions> = {}) =>
  new MessageQueue({ name: 'q', capacity: 3, overflow: 'block', ...options });

/** Takes all available messages. */
function takeAll(reader: Reader): Message[] {
  const messages: Message[] = [];
  for (let message = reader.take(); message !== undefined; message = reader.take()) messages.push(message);
  return messages;
}
const valuesOf = (messages: readonly Message[]) => messages.map(({ value }) => value);

/** Checks if a promise has settled, without waiting for it. */
async function isSettled(promise: void | Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  await Promise.resolve();
  await Promise.resolve();
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('a deque', () => {
  it('behaves like an array', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('push'), times: fc.integer({ min: 1, max: 700 }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('unshift'), times: fc.integer({ min: 1, max: 100 }) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('shift'), times: fc.integer({ min: 1, max: 900 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20, size: 'max' }), (steps) => {
        const deque = new Deque<number>();
        const array: number[] = [];
        let next = 0;
        for (const { kind, times } of steps) {
          for (let time = 0; time < times; time++) {
            const item = ++next;
            if (kind === 'push') {
              deque.push(item);
              array.push(item);
            } else if (kind === 'unshift') {
              deque.unshift(item);
              array.unshift(item);
            } else expect(deque.shift()).toBe(array.shift());
          }
          expect([...deque]).toEqual(array);
          expect([deque.size, deque.first]).toEqual([array.length, array[0]]);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a queue that is full', () => {
  it('lets pushes wait, and admits them in order', async () => {
    const queue = queueOf({ capacity: 1 });
    const reader = queue.reader();
    expect(queue.push('a')).toBe(undefined);
    const [b, c] = [queue.push('b'), queue.push('c')];
    expect(queue.metrics).toMatchObject({ depth: 1, blocked: 2, pushed: 1 });
    const a = reader.take() as Message;
    expect(reader.take()).toBe(undefined);
    expect(await isSettled(b)).toBe(false);
    reader.acknowledge(a);
    expect([await isSettled(b), await isSettled(c)]).toEqual([true, false]);
    const second = reader.take() as Message;
    expect(second.value).toBe('b');
    reader.acknowledge(second);
    expect(await isSettled(c)).toBe(true);
    expect(valuesOf(takeAll(reader))).toEqual(['c']);
  });

  it('admits no push before the waiting ones', async () => {
    const queue = queueOf({ capacity: 2, restored: [message(1), message(2), message(3)] });
    const reader = queue.reader();
    const waiting = queue.push('first');
    const [one, two] = takeAll(reader) as [Message, Message];
    reader.acknowledge(one);
    expect(await isSettled(waiting)).toBe(false);
    const late = queue.push('late');
    reader.acknowledge(two);
    expect([await isSettled(waiting), await isSettled(late)]).toEqual([true, false]);
  });

  it('drops the oldest message that no reader has taken', () => {
    const queue = queueOf({ overflow: 'drop-oldest' });
    const reader = queue.reader();
    for (const value of ['a', 'b', 'c']) queue.push(value);
    const a = reader.take() as Message;
    queue.push('d');
    expect(queue.metrics).toMatchObject({ dropped: 1, depth: 2, unacknowledged: 1 });
    expect(valuesOf([a, ...takeAll(reader)])).toEqual(['a', 'c', 'd']);
    // All messages are with readers.
    expect(queue.push('e')).toBe(undefined);
    expect(queue.metrics).toMatchObject({ dropped: 2, depth: 0, unacknowledged: 3 });
  });

  it('drops the newest', () => {
    const queue = queueOf({ overflow: 'drop-newest' });
    for (const value of ['a', 'b', 'c', 'd', 'e']) queue.push(value);
    expect(queue.metrics).toMatchObject({ dropped: 2, pushed: 3 });
    expect(valuesOf(takeAll(queue.reader()))).toEqual(['a', 'b', 'c']);
  });

  it('fails', () => {
    const queue = queueOf({ overflow: 'fail', capacity: 1 });
    queue.push('a');
    expect(() => queue.push('b')).toThrow(new QueueFullError('q', 1));
    expect(queue.metrics).toMatchObject({ depth: 1, dropped: 0, pushed: 1 });
  });
});

describe('the messages of a queue', () => {
  beforeEach(useFakeTime);
  afterEach(() => {
    vi.useRealTimers();
  });

  it('have a number, the time of their push, and how often they were delivered', () => {
    vi.setSystemTime(5_000);
    const queue = queueOf({ lastId: 41 });
    queue.push('a');
    const reader = queue.reader();
    const first = reader.take() as Message;
    expect(first).toEqual({ id: 42, queue: 'q', value: 'a', time: 5_000, deliveries: 1 });
    // No iteration has started with the message.
    reader.giveBack(first);
    expect(reader.take()).toEqual(first);
    reader.close();
    expect(queue.reader().take()).toEqual({ ...first, deliveries: 2 });
  });

  it('go back to their places, in whatever order they are given back', () => {
    const queue = queueOf({ capacity: 5 });
    for (let value = 1; value <= 5; value++) queue.push(value);
    const [one, other] = [queue.reader(), queue.reader()];
    const [a, b, c] = [one.take(), other.take(), one.take()] as [Message, Message, Message];
    one.giveBack(a);
    other.giveBack(b);
    one.giveBack(c);
    expect(valuesOf(takeAll(one))).toEqual([1, 2, 3, 4, 5]);
  });

  it('all go back when their reader is closed, but not those of other readers', () => {
    const queue = queueOf({ capacity: 5 });
    for (let value = 1; value <= 4; value++) queue.push(value);
    const [one, other] = [queue.reader(), queue.reader()];
    one.take();
    const two = other.take() as Message;
    one.take();
    one.close();
    one.close();
    other.giveBack({ ...two, id: 99 });
    one.giveBack(two);
    expect(queue.metrics).toMatchObject({ depth: 3, unacknowledged: 1 });
    // A message that may have crashed its reader is delivered alone.
    expect(other.take()).toBeUndefined();
    other.acknowledge(two);
    const again = [other.take(), other.take()];
    expect(valuesOf(again.slice(0, 1) as Message[])).toEqual([1]);
    expect(again[1]).toBeUndefined();
    other.acknowledge(again[0] as Message);
    const last = other.take() as Message;
    other.acknowledge(last);
    expect(last.value).toBe(3);
    expect(valuesOf(takeAll(other))).toEqual([4]);
  });

  it('are acknowledged once', () => {
    const queue = queueOf();
    queue.push('a');
    const reader = queue.reader();
    const a = reader.take() as Message;
    reader.acknowledge(a);
    reader.acknowledge(a);
    reader.giveBack(a);
    expect(queue.metrics).toMatchObject({ acknowledged: 1, depth: 0, unacknowledged: 0 });
    expect(queue.isEmpty).toBe(true);
  });

  it('are as old as the oldest message that no reader has taken', () => {
    const queue = queueOf();
    expect(queue.metrics.age).toBe(0);
    queue.push('a');
    vi.advanceTimersByTime(30);
    queue.push('b');
    vi.advanceTimersByTime(5);
    expect(queue.metrics.age).toBe(35);
    queue.reader().take();
    expect(queue.metrics.age).toBe(5);
    vi.setSystemTime(0);
    expect(queue.metrics.age).toBe(0);
  });

  it('are logged when they are added and when they are removed', () => {
    const log: string[] = [];
    const queue = queueOf({
      overflow: 'drop-oldest',
      capacity: 2,
      restored: [message(7)],
      log: { put: ({ id }) => log.push(`put ${id}`), remove: (id) => log.push(`remove ${id}`) },
    });
    queue.push('a');
    queue.push('b');
    const reader = queue.reader();
    reader.acknowledge(reader.take() as Message);
    reader.giveBack(reader.take() as Message);
    expect(log).toEqual(['put 8', 'remove 7', 'put 9', 'remove 8']);
  });
});

describe('the readers of a queue', () => {
  it('are woken by a message', async () => {
    const queue = queueOf();
    const reader = queue.reader();
    const ready = [reader.ready(), reader.ready()];
    expect(await isSettled(ready[0])).toBe(false);
    queue.push('a');
    expect(await Promise.all(ready.map(isSettled))).toEqual([true, true]);
    expect(await isSettled(reader.ready())).toBe(true);
  });

  it('are woken by a message that was given back', async () => {
    const queue = queueOf();
    queue.push('a');
    const reader = queue.reader();
    const a = reader.take() as Message;
    const ready = reader.ready();
    expect(await isSettled(ready)).toBe(false);
    reader.giveBack(a);
    expect(await isSettled(ready)).toBe(true);
  });

  it('know that the queue is drained when there are no pushes and no messages left', async () => {
    const queue = queueOf({ capacity: 1 });
    const reader = queue.reader();
    queue.push('a');
    queue.push('b');
    reader.end();
    expect(reader.isDrained).toBe(false);
    reader.acknowledge(reader.take() as Message);
    const b = reader.take() as Message;
    const ready = reader.ready();
    expect([reader.isDrained, await isSettled(ready)]).toEqual([false, false]);
    reader.acknowledge(b);
    expect([reader.isDrained, await isSettled(ready), await isSettled(reader.ready())]).toEqual([true, true, true]);
  });

  it('learn one by one that no more messages will come', async () => {
    const queue = queueOf();
    const [one, other] = [queue.reader(), queue.reader()];
    const waiting = one.ready();
    one.end();
    expect(await isSettled(waiting)).toBe(true);
    expect([one.isDrained, other.isDrained]).toEqual([true, false]);
    expect(await isSettled(other.ready())).toBe(false);
  });

  it('get no messages and hold none after they are closed', () => {
    const queue = queueOf();
    queue.push('a');
    const reader = queue.reader();
    const a = reader.take() as Message;
    expect(reader.held).toBe(1);
    reader.close();
    reader.acknowledge(a);
    expect([reader.held, reader.take()]).toEqual([0, undefined]);
    expect(queue.metrics).toMatchObject({ depth: 1, acknowledged: 0 });
  });
});

it('refuses waiting pushes when it is closed', async () => {
  const reason = new Error('over');
  const queue = queueOf({ capacity: 1 });
  queue.push('a');
  const waiting = [queue.push('b'), queue.push('c')];
  queue.close(reason);
  expect(await Promise.allSettled(waiting)).toEqual([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ]);
  expect(queue.metrics).toMatchObject({ depth: 1, blocked: 0 });
});

function message(id: number): Message {
  return { id, queue: 'q', value: `restored ${id}`, time: 0, deliveries: 0 };
}

/** A simple model of a queue: all messages in one list. */
class Model {
  entries: { id: number; value: number; reader: number | undefined; deliveries: number }[] = [];
  blocked: { value: number; isIn: boolean }[] = [];
  dropped: number[] = [];
  acknowledged: number[] = [];
  refused: number[] = [];
  #lastId = 0;

  constructor(
    readonly capacity: number,
    readonly overflow: Overflow,
  ) {}

  push(value: number): { isIn: boolean } | undefined {
    if (this.entries.length < this.capacity && this.blocked.length === 0) return this.admit(value);
    if (this.overflow === 'block') {
      const blocked = { value, isIn: false };
      this.blocked.push(blocked);
      return blocked;
    }
    if (this.overflow === 'fail') this.refused.push(value);
    else if (this.overflow === 'drop-newest') this.dropped.push(value);
    else {
      const oldest = this.waiting[0];
      this.dropped.push(oldest?.value ?? value);
      if (oldest === undefined) return undefined;
      this.entries = this.entries.filter((entry) => entry !== oldest);
      this.admit(value);
    }
    return undefined;
  }

  admit(value: number): undefined {
    this.entries.push({ id: ++this.#lastId, value, reader: undefined, deliveries: 0 });
  }

  take(reader: number) {
    const [first] = this.waiting;
    if (first === undefined) return undefined;
    const own = this.entries.filter((entry) => entry.reader === reader);
    // A message that was delivered before is delivered alone.
    if (own.some(({ deliveries }) => deliveries > 1) || (first.deliveries > 0 && own.length > 0)) return undefined;
    first.reader = reader;
    first.deliveries++;
    return first;
  }

  acknowledge(id: number): void {
    const entry = this.entries.find((found) => found.id === id && found.reader !== undefined);
    if (entry === undefined) return;
    this.acknowledged.push(entry.value);
    this.entries = this.entries.filter((other) => other !== entry);
    for (const blocked of this.blocked.splice(0, Math.max(0, this.capacity - this.entries.length))) {
      blocked.isIn = true;
      this.admit(blocked.value);
    }
  }

  giveBack(reader: number, id?: number): void {
    for (const entry of this.entries) {
      if (entry.reader !== reader || (id !== undefined && entry.id !== id)) continue;
      entry.reader = undefined;
      if (id !== undefined) entry.deliveries--;
    }
  }

  get waiting() {
    return this.entries.filter((entry) => entry.reader === undefined);
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('push' as const), reader: fc.nat(1), which: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), reader: fc.nat(1), which: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('acknowledge' as const, 'give back' as const, 'close' as const),
      reader: fc.nat(1),
      which: fc.nat(5),
    }),
  },
);

it('behaves like the model of a queue, and loses nothing unless its policy drops messages', async () => {
  const overflows: Overflow[] = ['block', 'drop-oldest', 'drop-newest', 'fail'];
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80, size: 'max' }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(...overflows),
      async (steps, capacity, overflow) => {
        const queue = queueOf({ capacity, overflow });
        const model = new Model(capacity, overflow);
        const readers = [queue.reader(), queue.reader()];
        const taken: Message[][] = [[], []];
        const pushes: { promise: void | Promise<void>; expected: { isIn: boolean } | undefined }[] = [];
        let refused = 0;
        let next = 0;
        for (const { kind, reader, which } of steps) {
          const own = readers[reader] as Reader;
          const held = taken[reader] as Message[];
          const chosen = held[which % Math.max(1, held.length)];
          if (kind === 'push') {
            const value = ++next;
            try {
              pushes.push({ promise: queue.push(value), expected: model.push(value) });
            } catch (error) {
              expect(error).toBeInstanceOf(QueueFullError);
              refused++;
              model.push(value);
            }
          } else if (kind === 'take') {
            const found = own.take();
            const expected = model.take(reader);
            expect(found && [found.id, found.value, found.deliveries]).toEqual(
              expected && [expected.id, expected.value, expected.deliveries],
            );
            if (found !== undefined) held.push(found);
          } else if (kind === 'close') {
            own.close();
            model.giveBack(reader);
            taken[reader] = [];
            readers[reader] = queue.reader();
          } else if (chosen !== undefined) {
            held.splice(held.indexOf(chosen), 1);
            if (kind === 'acknowledge') {
              own.acknowledge(chosen);
              model.acknowledge(chosen.id);
            } else {
              own.giveBack(chosen);
              model.giveBack(reader, chosen.id);
            }
          }
          expect(queue.metrics).toMatchObject({
            depth: model.waiting.length,
            unacknowledged: model.entries.length - model.waiting.length,
            acknowledged: model.acknowledged.length,
            dropped: model.dropped.length,
            blocked: model.blocked.length,
          });
        }
        expect(refused).toBe(model.refused.length);
        for (const { promise, expected } of pushes) expect(await isSettled(promise)).toBe(expected?.isIn ?? true);
        // At the end, each value is in exactly one place.
        for (const reader of readers) reader.close();
        model.giveBack(0);
        model.giveBack(1);
        const rest: Message[] = [];
        const last = queue.reader();
        for (let found = last.take(); found !== undefined; found = last.take()) {
          rest.push(found);
          last.acknowledge(found);
        }
        expect(rest.map(({ id }) => id)).toEqual(rest.map(({ id }) => id).sort((one, other) => one - other));
        const all = [...valuesOf(rest), ...model.acknowledged, ...model.dropped, ...model.refused] as number[];
        expect(all.sort((one, other) => one - other)).toEqual(Array.from({ length: next }, (_, index) => index + 1));
        if (overflow === 'block') expect(model.dropped.length + model.refused.length).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});

describe('a topic', () => {
  const topicOf = (loopIds: readonly string[], options: Partial<MessageQueueOptions> = {}) =>
    new Topic('t', loopIds, () => ({ name: 't', capacity: 2, overflow: 'block', ...options }));

  it('gives each message to each reader', () => {
    const topic = topicOf(['a', 'b']);
    topic.push(1);
    topic.push(2);
    const [a, b] = [topic.reader('a'), topic.reader('b')];
    expect([valuesOf(takeAll(a)), valuesOf(takeAll(b))]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('lets pushes wait for the slowest reader', async () => {
    const topic = topicOf(['a', 'b', 'c'], { capacity: 1 });
    expect(topic.push(1)).toBe(undefined);
    const pushed = topic.push(2);
    const [a, b, c] = [topic.reader('a'), topic.reader('b'), topic.reader('c')];
    const acknowledge = (reader: Reader) => reader.acknowledge(reader.take() as Message);
    acknowledge(a);
    acknowledge(b);
    expect(await isSettled(pushed)).toBe(false);
    acknowledge(c);
    await pushed;
    expect([a, b, c].flatMap(takeAll).map(({ value }) => value)).toEqual([2, 2, 2]);
  });

  it('fails if one reader has no room, and the others receive the message', () => {
    const topic = topicOf(['a', 'b', 'c'], { capacity: 1, overflow: 'fail' });
    topic.push(1);
    const b = topic.reader('b');
    b.acknowledge(b.take() as Message);
    expect(() => topic.push(2)).toThrow(new QueueFullError('t', 1));
    expect(valuesOf(takeAll(b))).toEqual([2]);
    expect(valuesOf(takeAll(topic.reader('a')))).toEqual([1]);
  });

  it('reports the figures of the slowest reader', () => {
    const topic = topicOf(['a', 'b'], { capacity: 5, overflow: 'drop-newest' });
    for (let value = 0; value < 4; value++) topic.push(value);
    const a = topic.reader('a');
    a.acknowledge(a.take() as Message);
    a.take();
    expect(topic.metrics).toMatchObject({
      queue: 't',
      depth: 4,
      unacknowledged: 1,
      capacity: 5,
      pushed: 4,
      acknowledged: 1,
      dropped: 0,
      blocked: 0,
    });
  });

  it('is empty when no reader has a message', () => {
    const topic = topicOf(['a', 'b']);
    topic.push(1);
    for (const loopId of ['a', 'b']) {
      expect(topic.isEmpty).toBe(false);
      const reader = topic.reader(loopId);
      reader.acknowledge(reader.take() as Message);
    }
    expect(topic.isEmpty).toBe(true);
  });

  it('can give a message to one reader only', () => {
    const topic = topicOf(['a', 'b']);
    topic.pushTo('a', 1);
    expect(topic.pushTo('nobody', 1)).toBe(undefined);
    expect([valuesOf(takeAll(topic.reader('a'))), valuesOf(takeAll(topic.reader('b')))]).toEqual([[1], []]);
  });

  it('refuses waiting pushes when a reader is closed', async () => {
    const topic = topicOf(['a', 'b'], { capacity: 1 });
    topic.push(1);
    const waiting = topic.push(2);
    topic.close(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
  });

  it('has no queue if no loop reads it', () => {
    const topic = topicOf([]);
    expect(topic.push(1)).toBe(undefined);
    expect(topic.metrics).toMatchObject({ depth: 0, capacity: 0, pushed: 1 });
  });
});
