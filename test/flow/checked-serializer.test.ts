import { Flow, FlowRuntime, MemoryCheckpointStore, SerializationError, type Serializer } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { checked } from '../../src/flow/run/checked-serializer.js';
import { DefaultSerializer } from '../../src/shared/serializer.js';
import { isClean } from '../../src/shared/text.js';

/** A serializer that returns texts unchanged. */
const raw: Serializer = { serialize: (value) => value as string, deserialize: (text) => text };

const thrower = (thrown: unknown): Serializer => ({
  serialize: () => {
    throw thrown;
  },
  deserialize: () => {
    throw thrown;
  },
});

function failureOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('a serializer of the user', () => {
  it.each(['', 'text', '\0', 'a\ud83d', '\ude00', '"\0"', 'escaped:', 'escaped:"\\u0000"', 'line\nend\r\u2028', '😀'])(
    'gets its text back as it was, whatever is in it: %j',
    (text) => {
      const serializer = checked(raw);
      const kept = serializer.serialize(text);
      expect(isClean(kept)).toBe(true);
      expect(Buffer.from(kept).toString()).toBe(kept);
      expect(serializer.deserialize(kept)).toBe(text);
    },
  );

  it('leaves a text unchanged if every store accepts it', () => {
    expect(checked(raw).serialize('{"a": "😀"}')).toBe('{"a": "😀"}');
  });

  it.each([
    ['an error', new Error('broken\0'), 'broken\ufffd'],
    ['a RangeError', new RangeError('too deep'), 'too deep'],
    ['a text', 'no', 'String'],
    ['nothing', undefined, 'undefined'],
    ['what throws when it is looked at', new Proxy({}, { getPrototypeOf: () => fail(), get: () => fail() }), 'object'],
  ])('fails with a SerializationError where it throws %s', (_name, thrown, reason) => {
    const serializer = checked(thrower(thrown));
    const saving = failureOf(() => serializer.serialize(1));
    expect(saving).toBeInstanceOf(SerializationError);
    expect(saving).toMatchObject({ path: '', problem: `cannot be saved: the serializer threw: ${reason}` });
    const reading = failureOf(() => serializer.deserialize('1'));
    expect(reading).toBeInstanceOf(SerializationError);
    expect(reading).toMatchObject({ path: '', problem: `cannot be read: the serializer threw: ${reason}` });
  });

  it('fails with its own SerializationError, whose path is its own', () => {
    const own = new SerializationError('a.b', 'is none of mine');
    expect(failureOf(() => checked(thrower(own)).serialize(1))).toBe(own);
  });

  it.each([undefined, null, 5, {}, Buffer.from('x')])('fails if it does not return a text: %j', (given) => {
    const serializer = checked({ serialize: () => given as never, deserialize: () => undefined });
    const error = failureOf(() => serializer.serialize(1));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ message: expect.stringMatching(/the serializer returned .*, expected a string/) });
  });

  it('fails if it returns a promise, and handles the rejection of that promise', async () => {
    const serializer = checked({
      serialize: () => Promise.reject(new Error('later')) as never,
      deserialize: () => undefined,
    });
    expect(failureOf(() => serializer.serialize(1))).toBeInstanceOf(SerializationError);
    // An unhandled rejection would fail the test run.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('is wrapped only once; the default serializer is not wrapped', () => {
    const once = checked(raw);
    expect(checked(once)).toBe(once);
    const own = new DefaultSerializer();
    expect(checked(own)).toBe(own);
    class Extended extends DefaultSerializer {}
    expect(checked(new Extended())).toBeInstanceOf(Object);
    expect(checked(new Extended()).deserialize(new Extended().serialize(new Map([[1, 2]])))).toEqual(new Map([[1, 2]]));
  });

  it('is used in its wrapped form by the runs of a runtime', async () => {
    const texts: string[] = [];
    const serializer: Serializer = {
      serialize: (value) => {
        const text = `\0\ud83d${new DefaultSerializer().serialize(value)}`;
        texts.push(text);
        return text;
      },
      deserialize: (text) => new DefaultSerializer().deserialize(text.slice(2)),
    };
    const runtime = new FlowRuntime({ serializer });
    const checkpoint = new MemoryCheckpointStore();
    const flow = new Flow('f')
      .node('a', () => '\0\ude00')
      .wait('w')
      .node('b', (_i, { context }) => context.a);
    flow.edge('a', 'w').edge('w', 'b');
    await runtime.run(flow, {}, { runId: 'r', checkpoint });
    const { snapshot, entries } = (await checkpoint.load('r')) ?? { snapshot: '', entries: [] };
    expect([snapshot, ...entries].every(isClean)).toBe(true);
    const { output } = await runtime.resume(flow, 'r', { checkpoint, events: { w: 1 } });
    expect(output).toBe('\0\ude00');
    expect(texts.length).toBeGreaterThan(0);
  });
});

function fail(): never {
  throw new Error('looked at');
}
