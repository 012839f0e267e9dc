import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { Orchestrator, ParallelError } from 'orchestrator';
import {
  BlueprintError,
  DefaultSerializer,
  Flow,
  NodeError,
  SerializationError,
  WorkflowError,
} from 'orchestrator/flow';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

const secret = 'card 4111';

/** Runs two hundred items, of which the given ones fail. */
async function failed(indexes: readonly number[], failure = (index: number) => new Error(`no ${index}`)) {
  const orchestrator = new Orchestrator();
  const items = Array.from({ length: 200 }, (_, index) => index);
  const pay = orchestrator.action(async function pay(index: number) {
    if (indexes.includes(index)) throw failure(index);
    return { index, secret };
  });
  return (await rejection(orchestrator.map(items, pay))) as ParallelError<PromiseSettledResult<unknown>[]>;
}

/** Returns the text that pino writes. */
async function logged(log: (logger: ReturnType<typeof pino>) => void): Promise<string> {
  const chunks: string[] = [];
  const write: Writable['_write'] = (chunk, _encoding, done) => {
    chunks.push(String(chunk));
    done();
  };
  log(pino(new Writable({ write })));
  return chunks.join('');
}

describe('ParallelError', () => {
  it('names the items that failed, their causes and their number', async () => {
    expect((await failed([7])).message).toBe('1 of 200 parallel actions failed: item 7: no 7');
    expect((await failed([3, 4, 5, 6, 199])).message).toBe(
      '5 of 200 parallel actions failed: item 3: no 3; item 4: no 4; item 5: no 5; and 2 more',
    );
    const refused = await failed([1], () => new TypeError('fetch failed', { cause: new Error('ECONNREFUSED ::1') }));
    expect(refused.message).toBe('1 of 200 parallel actions failed: item 1: fetch failed: ECONNREFUSED ::1');
  });

  it('names the keys of an object', async () => {
    const load = new Orchestrator().parallel({
      user: () => 1,
      orders: () => Promise.reject(new Error('gone')),
      7: () => Promise.reject(new Error('odd')),
    });
    expect(await rejection(load())).toMatchObject({
      message: '2 of 3 parallel actions failed: "7": odd; "orders": gone',
    });
  });

  it('has a short message of one line', async () => {
    const { message } = await failed([0, 1, 2, 3], () => new Error(`<html>\n${'x'.repeat(20_000)}`));
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(800);
  });

  it('is printed in less than thirty lines, with the first failures and without results', async () => {
    for (const count of [1, 9, 200]) {
      const error = await failed(Array.from({ length: count }, (_, index) => index));
      for (const thrown of [error, new Error('outer', { cause: error })]) {
        const text = inspect(thrown, { depth: 10 });
        expect(text).toContain('item 0: Error: no 0\n');
        expect(text).not.toContain(secret);
        expect(text.split('\n').length).toBeLessThan(thrown === error ? 30 : 40);
      }
      if (count === 200) expect(inspect(error)).toContain('and 191 more, in errors');
    }
  });

  it('passes its failures to loggers and JSON, but no result', async () => {
    const error = await failed([3, 5], (index) => Object.assign(new RangeError(`no ${index}`), { code: 'E_NO' }));
    const json = JSON.stringify(error);
    expect(JSON.parse(json)).toEqual({
      name: 'ParallelError',
      code: 'ERR_PARALLEL',
      message: '2 of 200 parallel actions failed: item 3: no 3; item 5: no 5',
      failed: 2,
      errors: [
        { at: 'item 3', name: 'RangeError', message: 'no 3', code: 'E_NO' },
        { at: 'item 5', name: 'RangeError', message: 'no 5', code: 'E_NO' },
      ],
    });
    const texts = [
      json,
      await logged((logger) => logger.error(error)),
      await logged((logger) => logger.error({ err: error }, 'failed')),
      await logged((logger) => logger.error({ details: error }, 'failed')),
      await logged((logger) => logger.error({ ...error }, 'failed')),
    ];
    for (const text of texts) expect(text).not.toContain(secret);
    for (const text of texts.slice(0, 4)) expect(text).toContain('no 5');
    expect(Object.keys(error)).toEqual(['name', 'code']);
  });

  it('keeps every result in its fields', async () => {
    const error = await failed([0]);
    expect(error.errors).toHaveLength(1);
    expect(error.results[1]).toEqual({ status: 'fulfilled', value: { index: 1, secret } });
    expect(error.results[0]).toMatchObject({ status: 'rejected', reason: { message: 'no 0' } });
  });

  it('describes failures that throw when they are read, and results that are not settled results', async () => {
    const hostile = Object.defineProperty(new Error('seen'), 'code', {
      get: () => {
        throw new Error('do not look');
      },
    });
    const error = new ParallelError([hostile, Object.assign(new Error(), { message: 5 })], undefined);
    expect(error.message).toBe('2 of 0 parallel actions failed: failure 1: seen; failure 2: Error');
    expect(inspect(error)).toContain('failure 2');
    expect(JSON.parse(JSON.stringify(error)).errors).toHaveLength(2);
  });
});

describe('errors of flows', () => {
  it('show failures and no data of the run', async () => {
    const errors = Array.from({ length: 200 }, (_, index) => new NodeError(`n${index}`, 1, new Error(`no ${index}`)));
    const error = new WorkflowError('order', { status: 'failed', errors, context: { secret } } as never);
    expect(error.message).toBe(
      'flow "order" failed: node "n0" failed: no 0; node "n1" failed: no 1; node "n2" failed: no 2; and 197 more',
    );
    expect(inspect(error, { depth: 10 }).split('\n').length).toBeLessThan(30);
    for (const text of [
      inspect(error, { depth: 10 }),
      JSON.stringify(error),
      await logged((logger) => logger.error(error)),
    ]) {
      expect(text).toContain('no 1');
      expect(text).not.toContain(secret);
    }
    expect(error.result.context.secret).toBe(secret);
  });

  it('of a sub-flow are printed without the contexts of both flows', async () => {
    const inner = new Flow('inner').node('breaks', () => Promise.reject(new Error('broken')));
    const flow = new Flow('outer').node('inner', inner);
    const { errors } = await flow.run({ secret });
    expect(errors[0]?.cause).toBeInstanceOf(WorkflowError);
    expect(inspect(errors[0], { depth: 10 })).toContain('broken');
    expect(inspect(errors[0], { depth: 10 })).not.toContain(secret);
  });

  it('list faults once, and give them to JSON', () => {
    const faults = Array.from({ length: 200 }, (_, index) => ({ message: `fault ${index}`, nodeId: `n${index}` }));
    const error = new BlueprintError('order', faults);
    expect(inspect(error).split('\n').length).toBeLessThan(45);
    expect(error.faults).toBe(faults);
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name: 'BlueprintError', blueprintId: 'order', faults });
  });

  it('of a value that cannot be saved contain neither the value nor its surroundings', () => {
    const save = () => new DefaultSerializer().serialize({ card: secret, socket: () => {} });
    expect(save).toThrow(SerializationError);
    try {
      save();
    } catch (error) {
      expect(inspect(error, { depth: 10 })).not.toContain(secret);
      expect(JSON.stringify((error as Error).cause)).not.toContain(secret);
    }
  });
});
