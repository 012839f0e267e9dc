import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import { ParallelError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { fromWire, toWire } from '../../src/loops/wire.js';
import { eventually } from '../distributed/servers/eventually.js';
import { collector, fixture, workflow } from './support.js';

const kinds = [
  'getter',
  'every getter',
  'revoked proxy',
  'revoked cause',
  'symbol property',
  'thrown symbol',
  'function property',
  'toString',
  'cyclic causes',
  'long causes',
  'wide graph',
  'bigint',
  'weak map',
  'message is an object',
];

describe.each(['async', 'thread', 'process'] as const)('an error that cannot be sent, in the pool %s', (pool) => {
  it('fails its node, with an event and a dead letter, and the loop continues', async () => {
    const out = collector('out');
    const orchestrator = workflow({
      queues: { in: { capacity: 100 }, out: {} },
      loops: [
        { id: 'hostile', module: fixture(), export: 'hostile', options: { from: 'in', to: 'out' }, pool },
        out.loop,
      ],
    });
    const failures: { readonly nodeId: string; readonly error: unknown }[] = [];
    orchestrator.on('failure', (failure) => failures.push(failure));
    await orchestrator.start();
    for (const kind of [...kinds, 'none']) await orchestrator.queue('in').push(kind);
    await eventually(() => out.values.length === 1);
    expect(out.values).toEqual(['none']);
    await eventually(() => failures.length === kinds.length);
    expect(failures.every(({ nodeId }) => nodeId === 'fail')).toBe(true);
    expect(orchestrator.deadLetters.list().map(({ value }) => value)).toEqual(kinds);
    const named = failures.filter(({ error }) => Reflect.get(Object(error), 'name') === 'HostileError');
    if (pool !== 'async') {
      expect(named.length).toBeGreaterThanOrEqual(9);
      for (const { error } of named) expect(error).toBeInstanceOf(Error);
    }
    expect(orchestrator.health().loops[0]).toMatchObject({ state: 'running' });
    expect((await orchestrator.stop()).messages).toBe(0);
  });
});

describe('an error as data', () => {
  it('keeps what can be sent, in bounded size, and can always be cloned', () => {
    const graph: { others: object[] }[] = Array.from({ length: 50 }, () => ({ others: [] }));
    for (const node of graph) node.others.push(...graph);
    const error = Object.assign(new RangeError('too far', { cause: new TypeError('the cause') }), {
      code: 'ERR_FAR',
      symbol: Symbol('s'),
      big: 12n,
      date: new Date(5),
      nested: { list: [1, () => 2, { deep: true }] },
      bytes: new Uint8Array(1_000_000),
      storage: new AsyncLocalStorage(),
      graph,
    });
    const wire = structuredClone(toWire(error, 'x'));
    expect(JSON.stringify(wire).length).toBeLessThan(200_000);
    const back = fromWire(wire);
    expect(back).toBeInstanceOf(RangeError);
    expect(back).toMatchObject({
      message: 'too far',
      code: 'ERR_FAR',
      symbol: 'Symbol(s)',
      big: '12n',
      date: '1970-01-01T00:00:00.005Z',
      nested: { list: [1, null, { deep: true }] },
      bytes: '[object Uint8Array]',
      cause: { name: 'TypeError', message: 'the cause' },
    });
    expect(back.cause).toBeInstanceOf(TypeError);
    expect(back.stack).toBe(error.stack);
  });

  it('keeps the failures of an aggregate', () => {
    const back = fromWire(
      structuredClone(toWire(new ParallelError([new Error('one'), new RangeError('two')], []), 'x')),
    );
    expect(back).toMatchObject({ name: 'ParallelError', errors: [{ message: 'one' }, { message: 'two' }] });
  });

  it('has a name, a message and a stack if the thrown value has none that are strings', () => {
    const odd = Object.assign(new Error('odd'), { name: 5, message: undefined, stack: null, __proto__: null });
    const back = fromWire(structuredClone(toWire(odd, 'x')));
    expect(back).toMatchObject({ name: 'Error', message: '', stack: 'Error: ' });
  });

  it('names an attached stream, and does not touch it', () => {
    const error = Object.assign(new Error('cut off'), { response: { body: Readable.from(['a']), pipe: 1 } });
    const back = fromWire(structuredClone(toWire(error, 'x')));
    expect(back).toMatchObject({ response: { body: '[object Stream]', pipe: 1 } });
  });
});
