import { AbortError, TimeoutError, ValidationError } from 'orchestrator';
import { ExpressionError, Flow, MemoryCheckpointStore, type NodeArgs, NodeError, withAction } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, settled, timers } from '../support.js';

afterEach(() => {
  vi.useRealTimers();
});

const quick = { minTimeout: 0 };
const fails = (message: string) => () => Promise.reject(new Error(message));

class PaymentError extends Error {
  override readonly name = 'PaymentError';
  readonly code = 'E_PAYMENT';
  constructor(readonly amount: number) {
    super(`cannot pay ${amount}`, { cause: new RangeError('limit') });
  }
}

describe('a node that fails', () => {
  it('is in the errors with its id, its attempts, and the very error that it failed with', async () => {
    const failure = new PaymentError(5);
    const { status, errors, completed, output } = await new Flow('fails')
      .node('pay', () => Promise.reject(failure))
      .run();
    expect({ status, completed, output }).toEqual({ status: 'failed', completed: [], output: undefined });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(NodeError);
    expect(errors[0]).toMatchObject({ nodeId: 'pay', attempts: 1, code: 'ERR_NODE', recoveredBy: undefined });
    expect(errors[0]?.message).toBe('node "pay" failed: cannot pay 5');
    expect(errors[0]?.cause).toBe(failure);
    expect(errors[0]?.cause).toMatchObject({ code: 'E_PAYMENT', amount: 5, cause: new RangeError('limit') });
  });

  it('is in the errors beside all others that have failed', async () => {
    const { errors } = await new Flow('several')
      .node('a', fails('A'))
      .node('b', fails('B'))
      .node('c', () => {
        throw new Error('C');
      })
      .run();
    const found = errors.map(({ nodeId, cause }) => [nodeId, (cause as Error).message]);
    expect(found.sort()).toEqual([
      ['a', 'A'],
      ['b', 'B'],
      ['c', 'C'],
    ]);
  });

  it('holds back what depends on it, and nothing else', async () => {
    const result = await new Flow('branches')
      .node('start', () => 0)
      .node('bad', fails('no'))
      .node('after bad', () => 1)
      .node('behind that', () => 1)
      .node('good', () => 2)
      .node('after good', () => 3)
      .node('join', () => 4)
      .edge('start', 'bad')
      .edge('bad', 'after bad')
      .edge('after bad', 'behind that')
      .edge('start', 'good')
      .edge('good', 'after good')
      .edge('after good', 'join')
      .edge('after bad', 'join')
      .run();
    expect(result).toMatchObject({
      status: 'failed',
      completed: ['start', 'good', 'after good'],
      skipped: [],
      context: { good: 2, 'after good': 3 },
      unreached: [
        { nodeId: 'after bad', reason: 'it waits for "bad", which failed' },
        { nodeId: 'behind that', reason: 'it waits for "after bad", which was not reached' },
        { nodeId: 'join', reason: 'it waits for "after bad", which was not reached' },
      ],
    });
  });

  it('with a value that is no error has an error for it, with the value as its cause', async () => {
    const { errors } = await new Flow('text').node('a', () => Promise.reject('text')).run();
    expect(errors[0]?.cause).toBeInstanceOf(ValidationError);
    expect(errors[0]?.cause).toMatchObject({ cause: 'text' });
  });

  it('with an error that is frozen, or has a prototype of its own, keeps it as it is', async () => {
    const frozen = Object.freeze(new PaymentError(1));
    const { errors } = await new Flow('frozen').node('a', () => Promise.reject(frozen)).run();
    expect(errors[0]?.cause).toBe(frozen);
  });
});

describe('retry and timeout', () => {
  it('try a node again by the kernel’s names', async () => {
    const attempts: number[] = [];
    const work = failing(2, 'done');
    const { output, errors } = await new Flow('retry')
      .node(
        'a',
        (_, { attempt }) => {
          attempts.push(attempt);
          return work();
        },
        { retry: { retries: 3, ...quick } },
      )
      .run();
    expect({ output, errors, attempts }).toEqual({ output: 'done', errors: [], attempts: [1, 2, 3] });
  });

  it('say how often a node was tried before it failed', async () => {
    const { errors } = await new Flow('attempts').node('a', fails('never'), { retry: { retries: 2, ...quick } }).run();
    expect(errors[0]).toMatchObject({ attempts: 3, cause: { message: 'never' } });
    expect(errors[0]?.message).toBe('node "a" failed after 3 attempts: never');
  });

  it('leave a node that asks for it to its first failure', async () => {
    const fatal = new PaymentError(2);
    const { errors } = await new Flow('abort')
      .node('thrown', () => Promise.reject(new AbortError(fatal)), { retry: { retries: 5, ...quick } })
      .node('asked', fails('not again'), { retry: { retries: 5, ...quick, shouldRetry: () => false } })
      .run();
    expect(errors).toMatchObject([{ attempts: 1 }, { attempts: 1 }]);
    expect(errors.find(({ nodeId }) => nodeId === 'thrown')?.cause).toBe(fatal);
  });

  it('end an attempt that takes too long, with a TimeoutError that names the node', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let signal: AbortSignal | undefined;
    const pending = new Flow('slow')
      .node(
        'slow',
        (_, args) => {
          signal = args.signal;
          return deferred().promise;
        },
        { timeout: 1_000 },
      )
      .run();
    await settled();
    await vi.advanceTimersByTimeAsync(999);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    const { status, errors, cutShort } = await pending;
    expect({ status, cutShort }).toEqual({ status: 'failed', cutShort: [] });
    expect(errors[0]?.cause).toBeInstanceOf(TimeoutError);
    expect(errors[0]?.cause).toMatchObject({ subject: 'slow', limit: 1_000 });
    expect(signal?.reason).toBe(errors[0]?.cause);
  });

  it('limit each attempt, all of them together, and stand in for a node that took too long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let calls = 0;
    const hang = () => {
      calls++;
      return deferred().promise;
    };
    const pending = new Flow('limits')
      .node('each', hang, { timeout: 100, retry: { retries: 2, ...quick } })
      .node('all', () => deferred().promise, { timeout: { attempt: 100, total: 250 }, retry: { retries: 9, ...quick } })
      .node('instead', () => deferred().promise, { timeout: { attempt: 100, fallback: (input) => `${input} instead` } })
      .run({}, { input: 'input' });
    await settled();
    await vi.advanceTimersByTimeAsync(1_000);
    const { context, errors } = await pending;
    expect(calls).toBe(3);
    expect(context).toEqual({ instead: 'input instead' });
    expect(errors.map(({ nodeId, attempts, cause }) => [nodeId, attempts, (cause as TimeoutError).limit])).toEqual([
      ['all', 3, 250],
      ['each', 3, 100],
    ]);
  });

  it('leave no timer behind', async () => {
    const before = timers();
    const flow = new Flow('timers')
      .node('a', () => 1, { timeout: 60_000 })
      .node('b', () => 1, { timeout: { attempt: 60_000, total: 120_000 }, retry: 3 });
    for (let run = 0; run < 20; run++) await flow.run({}, { timeout: 60_000 });
    expect(timers()).toBeLessThan(before + 10);
  });

  it('may be any policy that carries out attempts', async () => {
    const log: string[] = [];
    const policy = {
      async execute(fn: () => Promise<unknown>) {
        log.push('in');
        try {
          return await fn();
        } finally {
          log.push('out');
        }
      },
    };
    const { output } = await new Flow('policy')
      .node('a', failing(1, 'done'), { policy, retry: { retries: 1, ...quick } })
      .run();
    expect({ output, log }).toEqual({ output: 'done', log: ['in', 'out', 'in', 'out'] });
  });
});

describe('failFast', () => {
  it('aborts what runs, and starts nothing more', async () => {
    const gate = deferred();
    const signals: AbortSignal[] = [];
    const started: string[] = [];
    const failure = new PaymentError(3);
    const hang = (_: unknown, { nodeId, signal }: NodeArgs) => {
      started.push(nodeId);
      signals.push(signal);
      return deferred().promise;
    };
    const pending = new Flow('fast')
      .node('slow', hang)
      .node('done', () => 1)
      .node('bad', async () => {
        await gate.promise;
        throw failure;
      })
      .node('too slow', hang)
      .node('queued', hang)
      .node('after', hang)
      .edge('done', 'after')
      .run({}, { failFast: true, concurrency: 3 });
    await settled();
    gate.resolve();
    const result = await pending;
    expect(result).toMatchObject({
      status: 'failed',
      completed: ['done'],
      errors: [{ nodeId: 'bad', cause: { code: 'E_PAYMENT' } }],
    });
    expect(result.errors).toHaveLength(1);
    expect(started).toEqual(['slow', 'too slow']);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(signals[0]?.reason).toMatchObject({ nodeId: 'bad' });
    expect(signals[0]?.reason.cause).toBe(failure);
    expect([...result.cutShort].sort()).toEqual(['slow', 'too slow']);
    expect(result.unreached).toEqual([
      { nodeId: 'queued', reason: 'it is ready, and was not started', isReady: true },
      { nodeId: 'after', reason: 'it is ready, and was not started', isReady: true },
    ]);
  });

  it('ends the retries of the others', async () => {
    let calls = 0;
    const { errors } = await new Flow('retries')
      .node('again', () => Promise.reject(new Error(`call ${++calls}`)), { retry: { retries: 9, minTimeout: 60_000 } })
      .node('bad', async () => {
        await settled();
        throw new Error('bad');
      })
      .run({}, { failFast: true });
    expect(calls).toBe(1);
    expect(errors.map(({ nodeId }) => nodeId)).toEqual(['bad']);
  });

  it('leaves the run alone where a fallback saves the node', async () => {
    const { status, completed } = await new Flow('saved')
      .node('bad', fails('no'), { fallback: 'instead' })
      .node('instead', () => 1)
      .node('slow', async () => {
        await settled();
        await settled();
      })
      .node('after', () => 2)
      .edge('slow', 'after')
      .run({}, { failFast: true });
    expect(status).toBe('completed');
    expect([...completed].sort()).toEqual(['after', 'bad', 'instead', 'slow']);
  });

  it('ends the run where the fallback fails as well', async () => {
    const { status, cutShort, unreached } = await new Flow('not saved')
      .node('bad', fails('no'), { fallback: 'instead' })
      .node('instead', fails('neither'))
      .node('hangs', () => deferred().promise)
      .run({}, { failFast: true });
    expect({ status, cutShort, unreached }).toEqual({ status: 'failed', cutShort: ['hangs'], unreached: [] });
  });

  it('ends the run for a condition that cannot be evaluated', async () => {
    const { status, cutShort } = await new Flow('routing')
      .node('bad', async () => {
        await settled();
        return 1;
      })
      .node('next', () => 1)
      .node('hangs', () => deferred().promise)
      .edge('bad', 'next', { condition: 'output.x.y' })
      .run({}, { failFast: true });
    expect({ status, cutShort }).toEqual({ status: 'failed', cutShort: ['hangs'] });
  });
});

describe('a fallback', () => {
  it('stands in for a node that failed: it gets its input, and its output is that of both', async () => {
    const failure = new PaymentError(4);
    const result = await new Flow('stand in')
      .node('start', () => 7)
      .node('risky', () => Promise.reject(failure), { fallback: 'safe', retry: { retries: 1, ...quick } })
      .node('safe', (n) => n * 2)
      .node('end', (n) => n + 1)
      .edge('start', 'risky')
      .edge('risky', 'end')
      .run();
    expect(result).toMatchObject({
      status: 'completed',
      output: 15,
      context: { start: 7, risky: 14, safe: 14, end: 15 },
      skipped: [],
      unreached: [],
      errors: [{ nodeId: 'risky', attempts: 2, recoveredBy: 'safe' }],
    });
    expect(result.errors[0]?.cause).toBe(failure);
    expect([...result.completed].sort()).toEqual(['end', 'risky', 'safe', 'start']);
  });

  it('may have edges of its own, which are followed beside those of the node', async () => {
    const log: string[] = [];
    const note = (input: unknown, { nodeId }: NodeArgs) => {
      log.push(`${nodeId}: ${JSON.stringify(input)}`);
    };
    const { status } = await new Flow('own edges')
      .node('risky', fails('no'), { fallback: 'safe' })
      .node('safe', () => 'saved')
      .node('of node', note)
      .node('of fallback', note)
      .node('of both', note)
      .edge('risky', 'of node')
      .edge('safe', 'of fallback')
      .edge('risky', 'of both')
      .edge('safe', 'of both')
      .run();
    expect(status).toBe('completed');
    expect(log.sort()).toEqual([
      'of both: {"risky":"saved","safe":"saved"}',
      'of fallback: "saved"',
      'of node: "saved"',
    ]);
  });

  it('may be the only one with edges', async () => {
    const { status, output, completed } = await new Flow('only edges')
      .node('risky', fails('no'), { fallback: 'safe' })
      .node('safe', () => 1)
      .node('end', (n) => n + 1)
      .edge('safe', 'end')
      .run();
    expect(status).toBe('completed');
    expect([...completed].sort()).toEqual(['end', 'risky', 'safe']);
    expect(output.end ?? output).toBe(2);
  });

  it('chooses by its action among the edges of the node, and among its own', async () => {
    const { completed, skipped } = await new Flow('action')
      .node('risky', fails('no'), { fallback: 'safe' })
      .node('safe', () => withAction('b' as string, 1))
      .node('a', () => 0)
      .node('b', () => 0)
      .node('own a', () => 0)
      .node('own b', () => 0)
      .edge('risky', 'a', { action: 'a' })
      .edge('risky', 'b', { action: 'b' })
      .edge('safe', 'own a', { action: 'a' })
      .edge('safe', 'own b', { action: 'b' })
      .run();
    expect([...completed].sort()).toEqual(['b', 'own b', 'risky', 'safe']);
    expect([...skipped].sort()).toEqual(['a', 'own a']);
  });

  it('is transformed and decided on like the node itself', async () => {
    const { output } = await new Flow('transform')
      .node('risky', fails('no'), { fallback: 'safe' })
      .node('safe', () => 5)
      .node('end', (n) => n)
      .node('not', () => 0)
      .edge('risky', 'end', { condition: 'output > 3', transform: 'output * 2' })
      .edge('risky', 'not', { condition: 'output < 3' })
      .run();
    expect(output).toBe(10);
  });

  it('that is not needed is skipped, and so is what it leads to', async () => {
    let calls = 0;
    const { status, skipped, output } = await new Flow('not needed')
      .node('fine', () => 1, { fallback: 'safe' })
      .node('safe', () => calls++)
      .node('after safe', () => calls++)
      .node('join', (input) => input)
      .edge('safe', 'after safe')
      .edge('after safe', 'join')
      .edge('fine', 'join')
      .run();
    expect({ status, output, calls }).toEqual({ status: 'completed', output: { fine: 1 }, calls: 0 });
    expect([...skipped].sort()).toEqual(['after safe', 'safe']);
  });

  it('of a node that is skipped is skipped', async () => {
    const { status, skipped } = await new Flow('skipped')
      .node('a', () => 0)
      .node('b', fails('never called'), { fallback: 'safe' })
      .node('safe', () => 1)
      .edge('a', 'b', { condition: () => false })
      .run();
    expect({ status, skipped: [...skipped].sort() }).toEqual({ status: 'completed', skipped: ['b', 'safe'] });
  });

  it('that several nodes share runs once, and stands in for each that failed', async () => {
    let calls = 0;
    const { status, context, errors } = await new Flow('shared')
      .node('a', fails('A'), { fallback: 'safe' })
      .node('b', () => 'B', { fallback: 'safe' })
      .node(
        'c',
        async () => {
          await settled();
          throw new Error('C');
        },
        { fallback: 'safe' },
      )
      .node('safe', () => `call ${++calls}`)
      .node('join', (input) => input)
      .edge('a', 'join')
      .edge('b', 'join')
      .edge('c', 'join')
      .run();
    expect({ status, calls }).toEqual({ status: 'completed', calls: 1 });
    expect(context.join).toEqual({ a: 'call 1', b: 'B', c: 'call 1' });
    expect(errors).toMatchObject([
      { nodeId: 'a', recoveredBy: 'safe' },
      { nodeId: 'c', recoveredBy: 'safe' },
    ]);
  });

  it('may have a fallback', async () => {
    const { status, context, errors } = await new Flow('chain')
      .node('start', () => 1)
      .node('a', fails('A'), { fallback: 'b' })
      .node('b', fails('B'), { fallback: 'c' })
      .node('c', (n) => `saved ${n}`)
      .node('end', (text) => `${text}!`)
      .edge('start', 'a')
      .edge('a', 'end')
      .run();
    expect(status).toBe('completed');
    expect(context).toEqual({ start: 1, a: 'saved 1', b: 'saved 1', c: 'saved 1', end: 'saved 1!' });
    expect(errors).toMatchObject([
      { nodeId: 'a', recoveredBy: 'b', cause: { message: 'A' } },
      { nodeId: 'b', recoveredBy: 'c', cause: { message: 'B' } },
    ]);
  });

  it('of a fallback is skipped with it where nothing fails', async () => {
    const { status, skipped } = await new Flow('unneeded chain')
      .node('a', () => 1, { fallback: 'b' })
      .node('b', () => 2, { fallback: 'c' })
      .node('c', () => 3)
      .run();
    expect({ status, skipped: [...skipped].sort() }).toEqual({ status: 'completed', skipped: ['b', 'c'] });
  });

  it('that fails leaves both failed, and what follows unreached', async () => {
    const { status, errors, completed, unreached } = await new Flow('both')
      .node('a', fails('A'), { fallback: 'b' })
      .node('b', fails('B'))
      .node('after a', () => 1)
      .node('after b', () => 1)
      .edge('a', 'after a')
      .edge('b', 'after b')
      .run();
    expect({ status, completed }).toEqual({ status: 'failed', completed: [] });
    expect(errors).toMatchObject([
      { nodeId: 'a', recoveredBy: undefined },
      { nodeId: 'b', recoveredBy: undefined },
    ]);
    expect(unreached).toEqual([
      { nodeId: 'after a', reason: 'it waits for "a", which failed' },
      { nodeId: 'after b', reason: 'it waits for "b", which failed' },
    ]);
  });

  it('that has failed already does not help a node that fails later', async () => {
    const gate = deferred();
    let calls = 0;
    const pending = new Flow('too late')
      .node('a', fails('A'), { fallback: 'safe' })
      .node('b', () => gate.promise.then(fails('B')), { fallback: 'safe' })
      .node('safe', () => {
        calls++;
        throw new Error('S');
      })
      .run();
    await settled();
    gate.resolve();
    const { status, errors } = await pending;
    expect({ status, calls }).toEqual({ status: 'failed', calls: 1 });
    expect(errors.map(({ nodeId, recoveredBy }) => [nodeId, recoveredBy])).toEqual([
      ['a', undefined],
      ['safe', undefined],
      ['b', undefined],
    ]);
  });

  it('that saves one node does not hide the failure of another', async () => {
    const { status, errors, completed } = await new Flow('one of two')
      .node('saved', fails('saved'), { fallback: 'safe' })
      .node('safe', () => 1)
      .node('lost', fails('lost'))
      .run();
    expect(status).toBe('failed');
    expect([...completed].sort()).toEqual(['safe', 'saved']);
    expect(errors.map(({ nodeId, recoveredBy }) => [nodeId, recoveredBy]).sort()).toEqual([
      ['lost', undefined],
      ['saved', 'safe'],
    ]);
  });
});

describe('an edge that fails', () => {
  it('by its condition fails its source, with the expression for a cause', async () => {
    const { errors, completed } = await new Flow('condition')
      .node('a', () => ({ total: 'much' }))
      .node('b', () => 1)
      .edge('a', 'b', { condition: 'output.total > 3' })
      .run();
    expect(completed).toEqual([]);
    expect(errors).toMatchObject([{ nodeId: 'a', attempts: 1 }]);
    expect(errors[0]?.cause).toBeInstanceOf(ExpressionError);
  });

  it.each([
    ['an expression', 'output.missing.deeper'],
    [
      'a function',
      () => {
        throw new RangeError('broken');
      },
    ],
    ['a promise', async () => Promise.reject(new RangeError('broken'))],
  ])('by its transformation, %s, fails its source', async (_, transform) => {
    const { status, errors, completed, unreached } = await new Flow('transform')
      .node('a', () => ({}))
      .node('b', () => 1)
      .edge('a', 'b', { transform })
      .run();
    expect({ status, completed }).toEqual({ status: 'failed', completed: [] });
    expect(errors).toMatchObject([{ nodeId: 'a' }]);
    expect(unreached).toMatchObject([{ nodeId: 'b' }]);
  });

  it('is saved by the fallback of its source, whose output is decided on in its place', async () => {
    const { status, output, errors } = await new Flow('saved')
      .node('a', () => 'no number', { fallback: 'safe' })
      .node('safe', () => 4)
      .node('b', (n) => n)
      .edge('a', 'b', { condition: 'output > 3' })
      .run();
    expect({ status, output }).toEqual({ status: 'completed', output: 4 });
    expect(errors).toMatchObject([{ nodeId: 'a', recoveredBy: 'safe' }]);
  });

  it('leaves nothing behind for the fallback of its source: only what that passes on counts', async () => {
    const { context, status } = await new Flow('left over')
      .node('a', () => withAction('x', 1), { fallback: 'safe' })
      .node('safe', () => withAction('y', 2))
      .node('b', (input) => input)
      .node('c', (input) => input)
      .edge('a', 'b', { action: 'x', transform: 'output * 100' })
      .edge('a', 'c', { action: 'x', transform: 'output.missing.deeper' })
      .edge('a', 'b', { action: 'y' })
      .run();
    expect(status).toBe('completed');
    expect(context).toEqual({ a: 2, safe: 2, b: 2 });
  });

  it('for the output of the fallback too fails the node for good', async () => {
    let decisions = 0;
    const { status, errors, unreached } = await new Flow('broken twice')
      .node('a', () => 1, { fallback: 'safe' })
      .node('safe', () => 2)
      .node('b', () => 3)
      .edge('a', 'b', {
        condition: () => {
          // It gives in, so that a run that decides again and again comes to an end.
          if (++decisions > 10) return true;
          throw new Error('broken');
        },
      })
      .run();
    expect(decisions).toBe(2);
    expect(status).toBe('failed');
    expect(errors).toMatchObject([{ nodeId: 'a', recoveredBy: undefined }]);
    expect(unreached).toEqual([{ nodeId: 'b', reason: 'it waits for "a", which failed' }]);
  });
});

describe('a node whose edges cannot be found', () => {
  const failing = {
    'a condition that throws': { condition: () => Promise.reject(new Error('no')) as Promise<boolean> },
    'a condition that gives no boolean': { condition: 'context.a' },
    'a condition that cannot be evaluated': { condition: 'output.missing' },
    'a transform that throws': {
      transform: () => {
        throw new Error('no');
      },
    },
    'a transform that throws later': { transform: () => Promise.reject(new Error('no')) },
    'an action that no edge has': { action: 'other' },
  };

  it.each(Object.entries(failing))('leaves no output in the context: %s', async (_, edge) => {
    const flow = new Flow('trace')
      .node('a', () => withAction(String('chosen'), 1))
      .node('b', () => 2)
      .edge('a', 'b', edge);
    const first = await flow.run();
    expect(first).toMatchObject({ status: 'failed', completed: [], output: undefined });
    expect(first.context).toEqual({});
    expect((await flow.run({ a: 'before' })).context).toEqual({ a: 'before' });
    const saved = await flow.run({}, { checkpoint: new MemoryCheckpointStore() });
    expect(saved.context).toEqual({});
  });

  it('leaves what the turn before has given', async () => {
    const { context, status } = await new Flow('turns')
      .node('a', (_, { visit }) => visit)
      .edge('a', 'a', { condition: (output) => (output < 3 ? true : (undefined as never)) })
      .run();
    expect({ context, status }).toEqual({ context: { a: 2 }, status: 'failed' });
  });

  it('leaves what another has written over its output meanwhile', async () => {
    const { context } = await new Flow('over')
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b', {
        condition: (_output, { context }) => {
          context.a = 'written';
          throw new Error('no');
        },
      })
      .run();
    expect(context).toEqual({ a: 'written' });
  });

  it('leaves no output of the fallback that stood in for it', async () => {
    const { context, errors, status } = await new Flow('stands in')
      .node('a', () => Promise.reject(new Error('down')), { fallback: 'f' })
      .node('f', () => 'saved')
      .node('b', () => 2)
      .edge('a', 'b', { condition: 'output.missing' })
      .run();
    expect({ context, status }).toEqual({ context: { f: 'saved' }, status: 'failed' });
    expect(errors.map(({ nodeId, recoveredBy }) => [nodeId, recoveredBy])).toEqual([['a', undefined]]);
  });

  it('that is cut short while they are looked for leaves none either', async () => {
    const controller = new AbortController();
    const flow = new Flow('cut')
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b', {
        condition: () => {
          controller.abort(new Error('enough'));
          return new Promise<boolean>(() => {});
        },
      });
    const { context, cutShort, status } = await flow.run({}, { signal: controller.signal });
    expect({ context, cutShort, status }).toEqual({ context: {}, cutShort: ['a'], status: 'cancelled' });
  });
});

describe('a node without an output', () => {
  it('has no place in the context, whatever was there', async () => {
    const { context, output } = await new Flow('none').node('a', () => undefined).run({ a: 'before', b: 1 });
    expect(Object.keys(context)).toEqual(['b']);
    expect(output).toBeUndefined();
  });
});
