import { AbortError, Orchestrator, type Policy, TimeoutError } from 'orchestrator';
import { Flow, FlowRuntime, Node, type NodeArgs, type NodeOptions } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred } from '../support.js';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';

afterEach(() => {
  vi.useRealTimers();
});

/** Runs a node that fails the given number of times. @returns the run, the times of the calls, and the errors */
async function runFlaky(
  failures: number,
  retry: NodeOptions['retry'],
  fail: () => unknown = () => new Error('failed'),
) {
  const calls: number[] = [];
  const attempts: number[] = [];
  const flow = new Flow('f').node(
    'flaky',
    (_, { attempt }: NodeArgs) => {
      calls.push(performance.now());
      attempts.push(attempt);
      if (calls.length <= failures) throw fail();
      return 'done';
    },
    { retry },
  );
  const { finish, orchestrator } = await fleetOf(flow);
  const run = await finish();
  const waits = calls.slice(1).map((time, index) => time - (calls[index] as number));
  const metrics = await orchestrator.metrics(run.runId);
  return { run, attempts, waits, metrics, errors: await orchestrator.errors(run.runId) };
}

describe('a node that fails', () => {
  it('is retried as often as allowed, each time after its delay', async () => {
    const { run, attempts, waits, errors } = await runFlaky(2, { retries: 2, minTimeout: 60, factor: 2 });
    expect(run).toMatchObject({ status: 'completed', output: 'done' });
    expect(attempts).toEqual([1, 2, 3]);
    expect(waits[0]).toBeGreaterThanOrEqual(58);
    expect(waits[1]).toBeGreaterThanOrEqual(118);
    expect(errors.map(({ attempt, isFinal }) => [attempt, isFinal])).toEqual([
      [1, false],
      [2, false],
    ]);
  });

  it('fails for good with the error of its last attempt', async () => {
    let n = 0;
    const { run, attempts, errors, metrics } = await runFlaky(
      9,
      { retries: 2, minTimeout: 1 },
      () => new RangeError(`${++n}`),
    );
    expect(run.status).toBe('failed');
    expect(attempts).toEqual([1, 2, 3]);
    expect(errors.map(({ error, isFinal }) => [(error as Error).message, isFinal])).toEqual([
      ['1', false],
      ['2', false],
      ['3', true],
    ]);
    expect((errors.at(2)?.error as Error | undefined)?.name).toBe('RangeError');
    expect(metrics).toMatchObject({ attempts: 3, retries: 2, failed: 1, completed: 0 });
  });

  it.each([
    ['an AbortError', () => new AbortError('no use')],
    ['a TypeError, which is a mistake in the program', () => new TypeError('x is not a function')],
  ])('is not tried again after %s', async (_name, fail) => {
    const { run, attempts } = await runFlaky(9, { retries: 5, minTimeout: 1 }, fail);
    expect([run.status, attempts]).toEqual(['failed', [1]]);
  });

  it('is retried after a network error, although that is a TypeError', async () => {
    const { attempts } = await runFlaky(1, { retries: 5, minTimeout: 1 }, () => new TypeError('fetch failed'));
    expect(attempts).toEqual([1, 2]);
  });

  it('calls its functions with the right numbers', async () => {
    const seen: unknown[] = [];
    const note =
      (name: string) => (context: { attemptNumber: number; retriesLeft: number; retriesConsumed: number }) => {
        const { attemptNumber, retriesLeft, retriesConsumed } = context;
        seen.push([name, attemptNumber, retriesLeft, retriesConsumed]);
        return true;
      };
    const { attempts } = await runFlaky(2, {
      retries: 3,
      minTimeout: 1,
      onFailedAttempt: (context) => void note('failed')(context),
      shouldRetry: note('retry'),
    });
    expect(attempts).toEqual([1, 2, 3]);
    expect(seen).toEqual([
      ['failed', 1, 3, 0],
      ['retry', 1, 3, 0],
      ['failed', 2, 2, 1],
      ['retry', 2, 2, 1],
    ]);
  });

  it('is not retried if shouldRetry returns false, or onFailedAttempt throws', async () => {
    const refused = await runFlaky(9, {
      retries: 5,
      minTimeout: 1,
      shouldRetry: ({ attemptNumber }) => attemptNumber < 2,
    });
    expect([refused.run.status, refused.attempts]).toEqual(['failed', [1, 2]]);
    const onFailedAttempt = () => {
      throw new RangeError('stop');
    };
    const thrown = await runFlaky(9, { retries: 5, minTimeout: 1, onFailedAttempt });
    expect([thrown.run.status, thrown.attempts, (thrown.errors[0]?.error as Error | undefined)?.message]).toEqual([
      'failed',
      [1],
      'stop',
    ]);
  });

  it('uses up no retry if shouldConsumeRetry returns false', async () => {
    const { run, attempts } = await runFlaky(4, {
      retries: 1,
      minTimeout: 1,
      shouldConsumeRetry: ({ attemptNumber }) => attemptNumber > 3,
    });
    expect([run.status, attempts]).toEqual(['completed', [1, 2, 3, 4, 5]]);
  });

  it('waits as long as a server asks for', async () => {
    const { waits } = await runFlaky(1, { retries: 2, minTimeout: 60_000, retryAfter: () => 120 });
    expect(waits[0]).toBeGreaterThanOrEqual(118);
    expect(waits[0]).toBeLessThan(30_000);
  });

  it('is not retried after its time limit, delays included', async () => {
    vi.useFakeTimers();
    const running = runFlaky(99, { retries: 99, minTimeout: 60, factor: 1, maxRetryTime: 200 });
    await vi.advanceTimersByTimeAsync(1_000);
    const { run, attempts } = await running;
    // Attempts come after 60, 120 and 180 ms, and at the time limit, to which the last wait is cut.
    expect([run.status, attempts]).toEqual(['failed', [1, 2, 3, 4, 5]]);
  });

  it('is reported by onTaskRetry, and is listed as delayed work meanwhile', async () => {
    const flows = new Orchestrator({ name: 'flow' });
    const told: unknown[] = [];
    flows.onTaskRetry(({ name, attempt, retriesLeft, delay }) => void told.push([name, attempt, retriesLeft, delay]));
    const runtime = new FlowRuntime({ orchestrator: flows });
    vi.useFakeTimers();
    const flow = new Flow('f').node(
      'a',
      (_, { attempt }) => (attempt === 1 ? Promise.reject(new Error('1')) : attempt),
      {
        retry: { retries: 3, minTimeout: 60_000 },
      },
    );
    const { orchestrator } = await fleetOf(flow, { runtime });
    const runId = await orchestrator.startRun();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(await orchestrator.pendingWork(runId)).toMatchObject([{ nodeId: 'a', attempt: 2, state: 'delayed' }]);
    expect(told).toEqual([['a', 1, 3, 60_000]]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await orchestrator.waitForCompletion(runId)).output).toBe(2);
  });

  it('continues with its numbers if the worker stops in between', async () => {
    const attempts: number[] = [];
    const consumed: number[] = [];
    const failed = deferred();
    const flow = new Flow('f').node(
      'a',
      (_, { attempt }) => {
        attempts.push(attempt);
        throw new Error(`${attempt}`);
      },
      {
        retry: {
          retries: 2,
          minTimeout: 200,
          factor: 1,
          onFailedAttempt: ({ retriesConsumed }) => {
            consumed.push(retriesConsumed);
            failed.resolve();
          },
        },
      },
    );
    const { orchestrator, worker, newWorker } = await fleetOf(flow);
    const runId = await orchestrator.startRun();
    await failed.promise;
    await worker.stop();
    await newWorker();
    const run = await orchestrator.waitForCompletion(runId);
    expect([run.status, attempts, consumed]).toEqual(['failed', [1, 2, 3], [0, 1, 2]]);
  });

  it('is not retried when its run is cancelled meanwhile', async () => {
    let calls = 0;
    const called = deferred();
    const fail = () => {
      calls++;
      called.resolve();
      throw new Error('failed');
    };
    const { orchestrator, engine } = await fleetOf(
      new Flow('f').node('a', fail, { retry: { retries: 5, minTimeout: 600_000 } }),
    );
    const runId = await orchestrator.startRun();
    await called.promise;
    await eventually(async () => expect((await orchestrator.pendingWork(runId))[0]?.state).toBe('delayed'));
    await orchestrator.cancel(runId);
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
    expect(calls).toBe(1);
  });
});

describe('fallbacks', () => {
  class Charge extends Node {
    override prep() {
      return 'prepared';
    }
    override exec({ attempt, prepRes }: NodeArgs): unknown {
      throw new Error(`${prepRes} ${attempt}`);
    }
    override fallback({ error, attempt }: NodeArgs) {
      return `instead of ${(error as Error).message} at ${attempt}`;
    }
  }

  it('the fallback of a class is called only after the last attempt', async () => {
    const flow = new Flow('f').node('charge', Charge, { retry: { retries: 2, minTimeout: 1 } });
    const { finish, orchestrator } = await fleetOf(flow);
    const run = await finish();
    expect(run.output).toBe('instead of prepared 3 at 3');
    expect(await orchestrator.metrics(run.runId)).toMatchObject({ attempts: 3, retries: 2, completed: 1 });
  });

  it('the fallback of a timeout is called only after the last attempt', async () => {
    const attempts: number[] = [];
    const flow = new Flow('f').node(
      'slow',
      (_, { attempt, signal }) => {
        attempts.push(attempt);
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      { timeout: { attempt: 30, fallback: () => 'instead' }, retry: { retries: 2, minTimeout: 1 } },
    );
    const { finish } = await fleetOf(flow);
    expect([(await finish()).output, attempts]).toEqual(['instead', [1, 2, 3]]);
  });

  it('the fallback of an action is asked after the last attempt only', async () => {
    const orchestrator = new Orchestrator();
    const calls: string[] = [];
    const charge = orchestrator.action(
      (_input: unknown, { attempt }: NodeArgs) => {
        calls.push(`attempt ${attempt}`);
        throw new Error('no');
      },
      {
        retry: { retries: 2, minTimeout: 1 },
        fallback() {
          calls.push(this.error.message);
          return 'instead';
        },
      },
    );
    const runtime = new FlowRuntime({ orchestrator });
    const { finish } = await fleetOf(new Flow('f').node('charge', charge), { runtime });
    expect((await finish()).output).toBe('instead');
    expect(calls).toEqual(['attempt 1', 'attempt 2', 'attempt 3', 'no']);
  });

  it('polls until a result is right, each attempt by itself', async () => {
    const attempts: number[] = [];
    const poll = (_: unknown, { attempt }: NodeArgs) => {
      attempts.push(attempt);
      return attempt;
    };
    const flow = new Flow('f')
      .node('right', poll, { retry: { retries: 5, minTimeout: 1, until: (result) => result === 3 } })
      .node('wrong', poll, { retry: { retries: 1, minTimeout: 1, until: () => false } })
      .edge('right', 'wrong');
    const { finish, orchestrator } = await fleetOf(flow);
    const run = await finish();
    expect([run.status, attempts]).toEqual(['failed', [1, 2, 3, 1, 2]]);
    const { error } = (await orchestrator.errors(run.runId)).at(-1) ?? {};
    expect((error as Error).message).toBe('"wrong" has no result that retry.until accepts after 2 attempts');
  });

  it('retries no failure when the budget of the program is used up', async () => {
    const orchestrator = new Orchestrator({
      retry: { retries: 5, minTimeout: 1, budget: { ratio: 2, minPerSecond: 0 } },
    });
    const attempts: number[] = [];
    const fail = (_: unknown, { attempt }: NodeArgs) => {
      attempts.push(attempt);
      throw new Error('no');
    };
    const { finish } = await fleetOf(new Flow('f').node('fail', fail), { runtime: new FlowRuntime({ orchestrator }) });
    expect([(await finish()).status, attempts]).toEqual(['failed', [1, 2, 3]]);
  });

  it('the policies of a node are called with the number of the attempt', async () => {
    const seen: unknown[] = [];
    const policy: Policy = {
      execute(fn, { name, attempt }) {
        seen.push([name, attempt]);
        return fn();
      },
    };
    let calls = 0;
    const flow = new Flow('f').node('flaky', () => (++calls < 2 ? Promise.reject(new Error('no')) : 'done'), {
      policy: [policy],
      retry: { retries: 1, minTimeout: 1 },
    });
    const { finish } = await fleetOf(flow);
    expect([(await finish()).output, seen]).toEqual([
      'done',
      [
        ['flaky', 1],
        ['flaky', 2],
      ],
    ]);
  });

  it('the overall limit covers all attempts', async () => {
    const { promise } = deferred();
    const flow = new Flow('f').node('slow', () => promise, {
      timeout: { attempt: 80, total: 200 },
      retry: { retries: 9, minTimeout: 20, factor: 1 },
    });
    const { finish, orchestrator } = await fleetOf(flow);
    const run = await finish();
    expect(run.status).toBe('failed');
    const errors = await orchestrator.errors(run.runId);
    expect(errors.length).toBeLessThanOrEqual(4);
    expect((errors.at(-1)?.error as Error | undefined)?.name).toBe(TimeoutError.name);
  });
});

it('a run that is retried executes the failed nodes in its sub-flows again, and no other run does', async () => {
  let isDown = true;
  const executed: string[] = [];
  const node = (_input: unknown, { nodeId }: NodeArgs) => {
    executed.push(nodeId);
    if (isDown && nodeId === 'deep') throw new Error('down');
    return nodeId;
  };
  const inmost = new Flow('inmost').node('deep', node).node('calm', node);
  const inner = new Flow('inner')
    .node('in', inmost as never)
    .wait('w')
    .node('a', node)
    .edge('w', 'a');
  const flow = new Flow('outer').node('sub', inner as never);
  const { orchestrator } = await fleetOf(flow as never);
  const runId = await orchestrator.startRun({});
  const ends = (status: string) =>
    expect.poll(() => orchestrator.status(runId), { interval: 5, timeout: 30_000 }).toBe(status);
  await ends('awaiting');
  await orchestrator.signal(runId, 'w', 1);
  await ends('failed');
  expect(executed.toSorted()).toEqual(['a', 'calm', 'deep']);
  isDown = false;
  await orchestrator.retry(runId);
  await ends('completed');
  expect(executed.slice(3)).toEqual(['deep']);
});
