import { runInNewContext } from 'node:vm';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import {
  BlueprintError,
  DefaultSerializer,
  Flow,
  FlowRuntime,
  MemoryCheckpointStore,
  NodeError,
  SerializationError,
  type Serializer,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import fc from '../properties.js';

const serializer = new DefaultSerializer();

function again<Value>(value: Value): Value {
  return serializer.deserialize(serializer.serialize(value)) as Value;
}

function refusal(value: unknown): unknown {
  try {
    serializer.serialize(value);
  } catch (error) {
    return error;
  }
  throw new Error('expected a refusal');
}

class Money {
  constructor(readonly cents: number) {}
}

describe('the default serializer', () => {
  it.each([
    ['text', 'text'],
    ['text with anything in it', '\n\r\u2028\u0000"\\</script>\ud800 ☂ 👩‍👩‍👧'],
    ['an empty text', ''],
    ['a number', 1.5],
    ['NaN', NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
    ['0', 0],
    ['-0', -0],
    ['the largest number', Number.MAX_VALUE],
    ['the smallest', Number.MIN_VALUE],
    ['a whole number beyond the safe ones', 2 ** 60],
    ['true', true],
    ['null', null],
    ['undefined', undefined],
    ['a BigInt', 123_456_789_012_345_678_901_234_567_890n],
    ['a negative BigInt', -1n],
    ['a Date', new Date('2024-02-29T12:34:56.789Z')],
    ['a Date that is none', new Date(NaN)],
    ['an array', [1, 'two', [3]]],
    ['an array with undefined in it', [undefined, 1, undefined]],
    ['an array with holes', Object.assign(new Array(3), { 0: 1, 2: 3 })],
    ['an object', { a: 1, b: { c: [1] } }],
    ['an object with undefined in it', { a: undefined }],
    ['keys of all kinds', { '': 1, 'a.b': 2, 'a b': 3, 1: 4, toString: 5, '☂': 6 }],
    [
      'a Map',
      new Map<unknown, unknown>([
        ['a', 1],
        [2, new Map([['deep', 1n]])],
        [{ key: true }, undefined],
      ]),
    ],
    ['a Set', new Set<unknown>([1, 'a', new Set([NaN]), undefined])],
    ['bytes', new Uint8Array([0, 1, 255])],
    ['a RegExp', /a+"\//giu],
    ['a URL', new URL('https://user@example.org:8080/path?q=1#hash')],
  ])('keeps %s', (_, value) => {
    expect(again(value)).toStrictEqual(value);
    expect(again({ inside: [value] })).toStrictEqual({ inside: [value] });
    expect(Object.is(again(-0), -0)).toBe(true);
  });

  it('writes a single line of text', () => {
    const text = serializer.serialize({
      text: 'a\nb\r\nc\u2028d',
      map: new Map([['x\n', 1]]),
      error: new Error('a\nb'),
    });
    expect(typeof text).toBe('string');
    expect(text).not.toMatch(/[\n\r]/);
  });

  it('keeps cycles and shared parts', () => {
    interface Part {
      self?: Part;
      map?: Map<string, unknown>;
      shared: object;
      list: unknown[];
    }
    const shared = { since: new Date(0) };
    const part: Part = { shared, list: [shared, shared] };
    part.self = part;
    part.list.push(part.list);
    part.map = new Map<string, unknown>([['part', part]]);
    const copy = again(part);
    expect(copy).not.toBe(part);
    expect(copy.self).toBe(copy);
    expect(copy.list[2]).toBe(copy.list);
    expect(copy.list[0]).toBe(copy.shared);
    expect(copy.list[1]).toBe(copy.shared);
    expect(copy.map?.get('part')).toBe(copy);
    const error = new Error('no');
    const twice = again({ first: error, second: [error] });
    expect(twice.second[0]).toBe(twice.first);
  });

  it('keeps the order of keys, and of a Map and a Set', () => {
    expect(Object.keys(again({ b: 1, a: 2, c: 3 }))).toEqual(['b', 'a', 'c']);
    expect([
      ...again(
        new Map([
          ['b', 1],
          ['a', 2],
        ]),
      ).keys(),
    ]).toEqual(['b', 'a']);
    expect([...again(new Set(['b', 'a']))]).toEqual(['b', 'a']);
  });

  it('keeps an error with class, message, code and cause', () => {
    const cause = Object.assign(new RangeError('too far'), { code: 'ERR_FAR' });
    const error = Object.assign(new TypeError('wrong', { cause }), { code: 42 });
    const copy = again({ error }).error;
    expect(copy).toBeInstanceOf(TypeError);
    expect(copy).toMatchObject({ name: 'TypeError', message: 'wrong', code: 42, stack: error.stack });
    expect(copy.cause).toBeInstanceOf(RangeError);
    expect(copy.cause).toMatchObject({ name: 'RangeError', message: 'too far', code: 'ERR_FAR' });
    expect(Object.keys(copy)).not.toContain('message');
    expect(String(copy)).toBe('TypeError: wrong');
  });

  it.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])(
    'keeps %o as what it is',
    (Class) => {
      const copy = again(new Class('no'));
      expect(copy).toBeInstanceOf(Class);
      expect(copy).toMatchObject({ name: Class.name, message: 'no' });
    },
  );

  it('keeps the class name of errors of other classes', () => {
    class HttpError extends Error {
      override readonly name = 'HttpError';
      readonly code = 'ERR_HTTP';
    }
    const copy = again(new HttpError('404'));
    expect(copy).toBeInstanceOf(Error);
    expect(copy).toMatchObject({ name: 'HttpError', message: '404', code: 'ERR_HTTP' });
    class Unnamed extends Error {}
    expect(again(new Unnamed('no'))).toMatchObject({ message: 'no' });
    expect(again(new NodeError('a', 3, new Error('no')))).toMatchObject({ name: 'NodeError', code: 'ERR_NODE' });
  });

  it('keeps the errors of an AggregateError', () => {
    const inner = [new RangeError('one'), new AggregateError([new TypeError('two')], 'more'), 'text'];
    const copy = again(new AggregateError(inner, 'all'));
    expect(copy).toMatchObject({ name: 'AggregateError', message: 'all' });
    expect(copy.errors).toHaveLength(3);
    expect(copy.errors[0]).toBeInstanceOf(RangeError);
    expect(copy.errors[1].errors[0]).toBeInstanceOf(TypeError);
    expect(copy.errors[2]).toBe('text');
    expect(copy).toBeInstanceOf(AggregateError);
  });

  it('keeps an error that is its own cause, and causes that are no errors', () => {
    const error: Error & { cause?: unknown } = new Error('round');
    error.cause = error;
    const copy = again(error);
    expect(copy.cause).toMatchObject({ name: 'Error', message: 'round' });
    const when = new Date(0);
    expect(again(new Error('no', { cause: { when, list: [1n] } })).cause).toEqual({ when, list: [1n] });
    expect(again(new Error('no', { cause: null })).cause).toBeNull();
    expect(again(new Error('no', { cause: 0 })).cause).toBe(0);
  });

  it('can save any failure: parts that cannot be saved are kept as text, or left out', () => {
    const error = Object.assign(new Error('no', { cause: new Money(1) }), { request: () => 1, code: Symbol('x') });
    expect(again(error)).toMatchObject({ message: 'no', cause: expect.any(String) });
    expect(again(new Error('no', { cause: () => 1 }))).toMatchObject({ message: 'no', cause: expect.any(String) });
    expect(again(new Error('no', { cause: Symbol('x') }))).toMatchObject({ cause: 'Symbol(x)' });
    expect(again(new AggregateError([new Money(1), new Error('in')], 'all')).errors).toMatchObject([
      expect.any(String),
      { message: 'in' },
    ]);
    const faults = again(new BlueprintError('x', [{ message: 'a' }]));
    expect(faults).toMatchObject({ name: 'BlueprintError', code: 'ERR_BLUEPRINT' });
  });

  it.each([
    ['a function', () => 1],
    ['a class', Money],
    ['an instance of a class', new Money(1)],
    ['a symbol', Symbol('x')],
    ['a promise', Promise.resolve(1)],
    ['a WeakMap', new WeakMap()],
    ['an AbortSignal', new AbortController().signal],
    ['a generator', (function* () {})()],
    ['a proxy of an instance', new Proxy(new Money(1), {})],
  ])('refuses %s, naming where it is', (_, value) => {
    expect(refusal(value)).toBeInstanceOf(SerializationError);
    expect(refusal({ order: { lines: [1, { price: value }] } })).toMatchObject({
      name: 'SerializationError',
      code: 'ERR_SERIALIZATION',
      path: 'order.lines[1].price',
      message: expect.stringContaining('order.lines[1].price cannot be saved'),
    });
    expect(refusal([value])).toMatchObject({ path: '[0]' });
    expect(refusal({ 'first-name': value })).toMatchObject({ path: '["first-name"]' });
    expect(refusal(new Map([['key', value]]))).toMatchObject({ path: expect.stringContaining('get("key")') });
    expect(refusal({ set: new Set([value]) })).toMatchObject({ path: expect.stringContaining('set') });
    expect(refusal({ map: new Map([[value, 1]]) })).toMatchObject({ path: expect.stringContaining('map') });
  });

  it.each([
    ['a function: save what is needed to create it', () => 1],
    ['a symbol: save its description', Symbol('x')],
    ['a promise, or an object with a method "then": await it first', Promise.resolve(1)],
    ['an instance of Money: save its data as a plain object', new Money(1)],
    ['an instance of Money: save its data as a plain object', new Proxy(new Money(1), {})],
    ['an instance of WeakMap: save its data as a plain object', new WeakMap()],
    ['an instance of AbortSignal: save its data as a plain object', new AbortController().signal],
    ['an object that inherits from another object: save its data as a plain object', Object.create({ a: 1 })],
    ['an object with symbols as keys: use strings', { [Symbol('x')]: 1 }],
    ['an object with the key "__proto__": use another key', JSON.parse('{"__proto__":1}')],
    ['a function: save what is needed to create it', hostile()],
  ])('says that a refused value is %s', (what, value) => {
    expect(refusal({ a: [value] })).toMatchObject({ message: `a[0] cannot be saved: it is ${what}` });
  });

  it('refuses values that would be read back as something else', () => {
    const inherits = Object.create({ inherited: 1 }, { own: { value: 1, enumerable: true } });
    expect(refusal({ inherits })).toMatchObject({ path: 'inherits' });
    expect(refusal({ a: { [Symbol('key')]: 1 } })).toMatchObject({ path: 'a' });
  });

  it('refuses values that are nested too deep', () => {
    let value: object = {};
    for (let level = 0; level < 100_000; level++) value = { value };
    expect(refusal(value)).toBeInstanceOf(SerializationError);
  });

  it('keeps values that are nested a thousand levels deep', () => {
    let value: object = { end: new Date(0) };
    for (let level = 0; level < 1_000; level++) value = { value };
    expect(again(value)).toEqual(value);
  });

  it('does not change what it is given', () => {
    const value = { error: new Error('no', { cause: new Money(1) }), list: [new Date(0)], map: new Map([[1, {}]]) };
    const { cause } = value.error;
    serializer.serialize(value);
    expect(value.error.cause).toBe(cause);
    expect(Object.keys(value)).toEqual(['error', 'list', 'map']);
  });

  it('reads back any plain data', () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.double(),
      fc.boolean(),
      fc.bigInt(),
      fc.constantFrom(null, undefined, NaN, -0, Infinity),
      fc.date({ noInvalidDate: false }),
    );
    const key = fc.string().filter((name) => name !== '__proto__');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, leaf, tie('list'), tie('object'), tie('map'), tie('set')),
      list: fc.array(tie('value'), { maxLength: 5 }),
      object: fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
      map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
      set: fc.array(tie('value'), { maxLength: 5 }).map((values) => new Set(values)),
    }));
    fc.assert(
      fc.property(value, (data) => {
        expect(again(data)).toStrictEqual(data);
        expect(serializer.serialize(again(data))).toBe(serializer.serialize(data));
      }),
      { numRuns: 500 },
    );
  });

  it('either refuses a value or reads it back, and throws nothing else', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withSparseArray: true }),
        (data) => {
          let text: string;
          try {
            text = serializer.serialize(data);
          } catch (error) {
            expect(error).toBeInstanceOf(SerializationError);
            return;
          }
          serializer.deserialize(text);
        },
      ),
    );
  });
});

describe('a text that was tampered with', () => {
  const attempts = [
    '{"__proto__": {"admin": true}}',
    '[{"__proto__":1},{"admin":2},true]',
    '[["null","__proto__",1],{"admin":2},true]',
    '[["null","a",1,"__proto__",1],{"admin":2},true]',
    '[{"constructor":1},{"prototype":2},{"admin":3},true]',
    '[["Error",1],{"name":2,"message":3,"__proto__":4},"x","y",{"admin":5},true]',
    '[["Error",1],{"name":2,"message":2,"stack":2},"__proto__"]',
    '[["Error",1],{"name":2,"message":2,"stack":2},"constructor"]',
    '[["Error",1],{"name":2,"message":2},"toString"]',
    '[["constructor",1],"return process"]',
    '[["__proto__",1],{"admin":2},true]',
    '[["toString",1]]',
    '[["Function",1],"return 1"]',
    '[["Map",1,2],"__proto__",{"admin":3},true]',
  ];

  it.each(attempts)('changes no prototype, and runs nothing: %s', (text) => {
    let value: unknown;
    try {
      value = serializer.deserialize(text);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    expect({}).not.toHaveProperty('admin');
    expect(Function.prototype).not.toHaveProperty('admin');
    expect(Error.prototype).not.toHaveProperty('admin');
    if (value instanceof Error) expect(value).not.toHaveProperty('admin');
    else if (typeof value === 'object' && value !== null && !(value instanceof Map)) {
      expect([Object.prototype, null]).toContain(Object.getPrototypeOf(value));
    }
  });

  it.each([
    '',
    'x',
    '{',
    '[',
    '[1',
    'null',
    '7',
    '"text"',
    '{}',
    '[[99]]',
    '[{"a":99}]',
    '[{"a":-99}]',
    '[["Date",1]]',
    'undefined',
  ])('is refused, or is harmless data: %j', (text) => {
    try {
      expect(typeof serializer.deserialize(text)).not.toBe('function');
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
  });

  it('cannot give the context of a run another prototype', async () => {
    const flow = new Flow('f').wait('a').node('b', (_: unknown, { context }) => context.admin);
    const waiting = await flow.edge('a', 'b').run({ user: 'Ada' });
    for (const evil of ['__proto__', 'constructor', 'prototype']) {
      const snapshot = waiting.snapshot.replaceAll('"user"', `"${evil}"`).replaceAll('"Ada"', '{"admin":1}');
      await flow.resume({ ...waiting, snapshot } as typeof waiting, { events: { a: 1 } }).catch(() => undefined);
      expect({}).not.toHaveProperty('admin');
    }
  });
});

describe('a serializer of the user', () => {
  const json: Serializer = {
    serialize: (value) => JSON.stringify(value, (_, part) => (part instanceof Money ? { $cents: part.cents } : part)),
    deserialize: (text) => JSON.parse(text, (_, part) => (part?.$cents === undefined ? part : new Money(part.$cents))),
  };

  it('writes and reads what a run saves', async () => {
    const runtime = new FlowRuntime({ serializer: json });
    const flow = new Flow('f')
      .node('price', () => new Money(5))
      .wait('paid')
      .node('twice', ({ cents }: Money) => new Money(cents * 2), { inputs: 'price' })
      .edge('price', 'paid')
      .edge('paid', 'twice');
    const waiting = await runtime.run(flow);
    expect(JSON.parse(waiting.serializedContext)).toMatchObject({ price: { $cents: 5 } });
    const result = await runtime.resume(flow, waiting, { events: { paid: true } });
    expect(result.output).toEqual(new Money(10));
  });
});

describe('bytes', () => {
  it('of a buffer are written only if the view shows them', () => {
    const secret = Buffer.from('secret of other code');
    const { buffer } = secret;
    for (const View of [Uint8Array, Int8Array, Uint8ClampedArray]) {
      const view = new View(buffer, secret.byteOffset + 2, 2);
      const text = serializer.serialize({ view });
      expect(text.length).toBeLessThan(100);
      expect(again({ view })).toStrictEqual({ view: new View([99, 114]) });
      expect((again(view) as Uint8Array).buffer.byteLength).toBe(2);
    }
    expect(serializer.serialize(Buffer.from('ab')).length).toBeLessThan(100);
    expect(serializer.serialize(new Uint8Array(3_000_000).subarray(16, 32)).length).toBeLessThan(100);
    const part = new DataView(new Uint8Array([1, 2, 3, 4, 5, 6]).buffer, 2, 3);
    expect(again(part)).toStrictEqual(new DataView(new Uint8Array([3, 4, 5]).buffer));
    expect((again(part) as DataView).buffer.byteLength).toBe(3);
    const wide = new Float64Array([1.5, -0, NaN, Infinity]).subarray(1, 3);
    expect(again(wide)).toStrictEqual(new Float64Array([-0, NaN]));
    expect(again(new BigInt64Array([1n, -2n, 3n]).subarray(1))).toStrictEqual(new BigInt64Array([-2n, 3n]));
  });

  it.each([
    ['a Buffer', Buffer.from('hello')],
    ['an empty one', Buffer.alloc(0)],
    ['a large one', Buffer.alloc(10_000, 7)],
    ['a part of one', Buffer.from('hello').subarray(1, 3)],
    ['an ArrayBuffer', new Uint8Array([1, 2]).buffer],
    ['an empty view', new Uint8Array([1, 2, 3]).subarray(1, 1)],
  ])('come back as what they were: %s', (_, value) => {
    const back = again({ a: [value], b: value });
    expect(back).toStrictEqual({ a: [value], b: value });
    expect(back.a[0]).toBe(back.b);
    expect(Buffer.isBuffer(back.b)).toBe(Buffer.isBuffer(value));
  });

  it('of views that an earlier version saved can be read', () => {
    expect(serializer.deserialize('[["Uint8Array",1,1,2],["ArrayBuffer","AQIDBA=="]]')).toStrictEqual(
      new Uint8Array([2, 3]),
    );
  });

  it('in shared memory are refused, with their path', () => {
    const shared = new SharedArrayBuffer(4);
    expect(refusal({ a: { b: shared } })).toMatchObject({ name: 'SerializationError', path: 'a.b' });
    expect(refusal({ a: { b: new Uint8Array(shared) } })).toMatchObject({ path: 'a.b' });
    expect(refusal({ a: { b: new Uint8Array(shared, 1, 2) } })).toMatchObject({ path: 'a.b' });
  });
});

class Rows extends Array {}
class Bytes extends Uint8Array {}
class Registry extends Map {}
class Tags extends Set {}
class Day extends Date {}
class Block extends ArrayBuffer {}

it.each([
  ['Rows', Rows.from([1])],
  ['Bytes', new Bytes(2)],
  ['Registry', new Registry()],
  ['Tags', new Tags()],
  ['Day', new Day(0)],
  ['Block', new Block(2)],
])('the default serializer refuses instances of classes that extend built-in ones: %s', (name, value) => {
  expect(refusal({ a: [{ b: value }] })).toMatchObject({
    name: 'SerializationError',
    path: 'a[0].b',
    message: expect.stringContaining(`an instance of ${name}`),
  });
});

it('the default serializer takes built-in values of another realm', () => {
  const value = runInNewContext(
    '({ list: [1], map: new Map([[1, 2]]), bytes: new Uint8Array([1]), date: new Date(0) })',
  );
  expect(again(value)).toEqual({
    list: [1],
    map: new Map([[1, 2]]),
    bytes: new Uint8Array([1]),
    date: new Date(0),
  });
});

it('the default serializer says which value is nested too deep, and how deep may be', () => {
  let deep: unknown = 0;
  for (let level = 0; level < 100_000; level++) deep = level % 2 === 0 ? { in: deep } : [deep];
  const error = refusal({ ok: 1, order: { items: deep } });
  expect(error).toMatchObject({ name: 'SerializationError', path: expect.stringMatching(/^order\.items\./) });
  expect((error as Error).message).toContain('nested too deep');
  // Also next to values that occur more than once, and in maps and sets.
  const shared = { bytes: new Uint8Array(3), list: new Map([['key', new Set([deep])]]) };
  const inMap = refusal({ first: shared, again: shared, nothing: null });
  expect(inMap).toMatchObject({ path: expect.stringMatching(/^(first|again)\.list\.key\.0\./) });
});

it('the default serializer says that a text is nested too deep to be read', () => {
  const text = `[${Array.from({ length: 100_000 }, (_, index) => `[${index + 1}]`).join(',')},1]`;
  expect(() => new DefaultSerializer().deserialize(text)).toThrow(
    expect.objectContaining({ code: 'ERR_SERIALIZATION', message: expect.stringContaining('nested too deep') }),
  );
});

describe('a run that is saved', () => {
  const nested = (levels: number) => {
    let value: object = {};
    for (let level = 0; level < levels; level++) value = { in: value };
    return value;
  };

  it.each([5_000, 100_000])('is refused with a context of %d levels, and saves nothing', async (levels) => {
    const checkpoint = new MemoryCheckpointStore();
    const run = new Flow('deep').node('a', () => 1).run({ x: nested(levels) }, { checkpoint, runId: 'deep' });
    await expect(run).rejects.toMatchObject({
      code: 'ERR_SERIALIZATION',
      message: expect.stringMatching(/context\.x\.in\..*nested too deep; keep it within 1000 levels/),
    });
    expect(await checkpoint.load('deep')).toBeUndefined();
  });

  it('fails a node whose output has 5,000 levels, and can be continued', async () => {
    const checkpoint = new MemoryCheckpointStore();
    let levels = 5_000;
    const flow = new Flow('deep')
      .node('a', () => 1)
      .node('b', () => nested(levels))
      .edge('a', 'b');
    const failed = await flow.run({}, { checkpoint, runId: 'deep' });
    expect(failed).toMatchObject({ status: 'failed', errors: [{ nodeId: 'b' }], context: { a: 1 } });
    expect(failed.errors[0]?.message).toMatch(/context\.b\.in\..*nested too deep/);
    levels = 1_000;
    expect(await flow.resume('deep', { checkpoint })).toMatchObject({ status: 'completed' });
  });

  it('keeps a failure with a hundred nested causes, or with 20,000', async () => {
    const failure = (causes: number) => {
      let error = new Error('0');
      for (let number = 1; number <= causes; number++) error = new Error(`${number}`, { cause: error });
      return new AggregateError([new Error('one'), error], 'all', { cause: error });
    };
    const serializer = new DefaultSerializer();
    const back = (causes: number) => serializer.deserialize(serializer.serialize(failure(causes))) as AggregateError;
    let depth = 0;
    for (let at = back(99).cause; at instanceof Error; at = at.cause) depth++;
    expect(depth).toBe(100);
    expect(back(20_000)).toMatchObject({ message: 'all', cause: 'Error: 20000' });
    expect(back(20_000).errors).toMatchObject([{ message: 'one' }, 'Error: 20000']);
    const checkpoint = new MemoryCheckpointStore();
    const flow = new Flow('f').node('a', () => Promise.reject(failure(20_000)));
    expect((await flow.run({}, { checkpoint })).status).toBe('failed');
  });
});

describe('a Buffer', () => {
  const flow = new Flow('bytes')
    .node('read', () => Buffer.from('hello'))
    .wait('ok')
    .node('write', (_, { context }) => [
      Buffer.isBuffer(context.read),
      Buffer.isBuffer(context.given),
      `${context.read}`,
    ])
    .edge('read', 'ok')
    .edge('ok', 'write');

  it('is one after a resume', async () => {
    const waiting = await flow.run({ given: Buffer.from('x') });
    const { output } = await flow.resume(waiting.snapshot as string, { events: { ok: 1 } });
    expect(output).toEqual([true, true, 'hello']);
  });

  it('is one on a fleet', async () => {
    const engine = memory();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const runId = await orchestrator.startRun({ given: Buffer.from('x') });
    await orchestrator.signal(runId, 'ok', 1);
    expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ output: [true, true, 'hello'] });
    await worker.stop();
  });
});

/** A function that throws whatever is read from it. */
function hostile(): object {
  const get = () => {
    throw new Error('no');
  };
  return new Proxy(() => 1, { get });
}
