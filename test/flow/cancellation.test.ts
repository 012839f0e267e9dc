import { getEventListeners } from 'node:events';
import { Orchestrator, TimeoutError } from 'orchestrator';
import {
  Flow,
  FlowRuntime,
  Node,
  type NodeArgs,
  RunToCompletionOrchestrator,
  StepByStepOrchestrator,
  type WorkflowResult,
  withAction,
} from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection, settled, timers } from '../support.js';

afterEach(() => {
  vi.useRealTimers();
});

const hang = () => deferred().promise;

describe('a signal', () => {
  it('that is aborted before the run lets nothing start', async () => {
    let calls = 0;
    const result = await new Flow('before')
      .node('a', () => calls++)
      .node('b', () => calls++)
      .edge('a', 'b')
      .run({ given: 1 }, { signal: AbortSignal.abort('reason') });
    expect(result).toMatchObject({
      status: 'cancelled',
      reason: 'reason',
      context: { given: 1 },
      completed: [],
      cutShort: [],
      errors: [],
    });
    expect(result.unreached.map(({ nodeId }) => nodeId)).toEqual(['a', 'b']);
    expect(calls).toBe(0);
  });

  it('in the middle reaches the nodes that run, and starts nothing new', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    const started: string[] = [];
    const signals: AbortSignal[] = [];
    const note = (_: unknown, { nodeId, signal }: NodeArgs) => {
      started.push(nodeId);
      signals.push(signal);
      return hang();
    };
    const pending = new Flow('middle')
      .node('first', () => 1)
      .node('a', note)
      .node('b', note)
      .node('queued', note)
      .node('after', note)
      .edge('first', 'a')
      .edge('first', 'b')
      .edge('first', 'queued')
      .edge('a', 'after')
      .run({}, { signal: controller.signal, concurrency: 2 });
    await settled();
    controller.abort(reason);
    const result = await pending;
    expect(started).toEqual(['a', 'b']);
    expect(signals.map((signal) => signal.reason)).toEqual([reason, reason]);
    expect(result).toMatchObject({
      status: 'cancelled',
      context: { first: 1 },
      completed: ['first'],
      cutShort: ['a', 'b'],
      errors: [],
      skipped: [],
    });
    expect(result.reason).toBe(reason);
    expect(result.unreached).toEqual([
      { nodeId: 'queued', reason: 'it is ready, and was not started', isReady: true },
      { nodeId: 'after', reason: expect.stringContaining('"a"') },
    ]);
  });

  it('is seen by what a node calls, through the orchestrator', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const signals: AbortSignal[] = [];
    const call = orchestrator.action(() => {
      signals.push(orchestrator.signal);
      return hang();
    });
    const flow = new Flow('kernel')
      .node('function', () => {
        signals.push(orchestrator.signal);
        return hang();
      })
      .node('calls', () => call())
      .node('action', call);
    const pending = new FlowRuntime({ orchestrator }).run(flow, {}, { signal: controller.signal });
    await settled();
    controller.abort('reason');
    expect((await pending).cutShort).toEqual(['function', 'calls', 'action']);
    expect(signals.map(({ reason }) => reason)).toEqual(['reason', 'reason', 'reason']);
  });

  it('ends the run at once, also where a node pays no heed', async () => {
    const controller = new AbortController();
    const gate = deferred();
    let ended = false;
    const pending = new Flow('heedless')
      .node('a', async () => {
        await gate.promise;
        ended = true;
      })
      .run({}, { signal: controller.signal });
    await settled();
    controller.abort();
    const { status, cutShort, reason } = await pending;
    expect({ status, cutShort, ended }).toEqual({ status: 'cancelled', cutShort: ['a'], ended: false });
    expect(reason).toBe(controller.signal.reason);
    gate.resolve();
  });

  it('cuts short a node that would have failed or succeeded because of it', async () => {
    const controller = new AbortController();
    const onAbort = (settle: (resolve: (value: string) => void, reject: (error: Error) => void) => void) => {
      return (_: unknown, { signal }: NodeArgs) =>
        new Promise<string>((resolve, reject) => signal.addEventListener('abort', () => settle(resolve, reject)));
    };
    const pending = new Flow('reacts')
      .node(
        'resolves',
        onAbort((resolve) => resolve('in time')),
      )
      .node(
        'rejects',
        onAbort((_, reject) => reject(new Error('torn'))),
      )
      .run({}, { signal: controller.signal });
    await settled();
    controller.abort();
    expect(await pending).toMatchObject({ status: 'cancelled', cutShort: ['resolves', 'rejects'], errors: [] });
  });

  it('reaches a node that aborts it itself', async () => {
    const controller = new AbortController();
    const { status, completed, cutShort } = await new Flow('itself')
      .node('a', () => 1)
      .node('b', () => controller.abort())
      .node('c', () => expect.fail('was started'))
      .edge('a', 'b')
      .edge('b', 'c')
      .run({}, { signal: controller.signal });
    expect({ status, completed, cutShort }).toEqual({ status: 'cancelled', completed: ['a'], cutShort: ['b'] });
  });

  it('triggers no fallback and no retry, and ends the wait before one', async () => {
    const controller = new AbortController();
    let calls = 0;
    const pending = new Flow('no fallback')
      .node('waits', () => Promise.reject(new Error(`call ${++calls}`)), {
        fallback: 'instead',
        retry: { retries: 9, minTimeout: 60_000 },
      })
      .node('hangs', hang, { fallback: 'instead', retry: { retries: 9, minTimeout: 0 } })
      .node('instead', () => expect.fail('was started'))
      .run({}, { signal: controller.signal });
    await settled();
    controller.abort();
    const { status, errors, cutShort } = await pending;
    expect({ status, errors, calls }).toEqual({ status: 'cancelled', errors: [], calls: 1 });
    expect([...cutShort].sort()).toEqual(['hangs', 'waits']);
  });

  it('lets no phase of a node follow', async () => {
    const log: string[] = [];
    const controller = new AbortController();
    class Phases extends Node {
      override prep() {
        log.push('prep');
      }
      override async exec() {
        log.push('exec');
        await hang();
      }
      override fallback() {
        log.push('fallback');
      }
      override post() {
        log.push('post');
      }
    }
    const pending = new Flow('phases').node('a', Phases).run({}, { signal: controller.signal });
    await settled();
    controller.abort();
    expect((await pending).cutShort).toEqual(['a']);
    await settled();
    expect(log).toEqual(['prep', 'exec']);
  });

  it('reaches sub-flows and the items of a batch', async () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    const seen = (_: unknown, { signal }: NodeArgs) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return hang();
    };
    const inner = new Flow('inner').node('x', seen);
    const middle = new Flow('middle').node('inner', inner);
    let items = 0;
    const pending = new Flow('outer')
      .node('middle', middle)
      .batch(
        'batch',
        (item, args) => {
          items++;
          return seen(item, args);
        },
        { concurrency: 2 },
      )
      .run({}, { signal: controller.signal, input: [1, 2, 3] });
    await settled();
    controller.abort('reason');
    const { status, cutShort, errors } = await pending;
    await settled();
    expect({ status, cutShort, errors, items }).toEqual({
      status: 'cancelled',
      cutShort: ['middle', 'batch'],
      errors: [],
      items: 2,
    });
    expect(reasons).toEqual(['reason', 'reason', 'reason']);
  });

  it('comes before a wait that is open, which the resumed run still knows', async () => {
    const controller = new AbortController();
    const flow = new Flow('waits').wait('w').node('slow', () => (controller.signal.aborted ? 'done' : hang()));
    const pending = flow.run({}, { signal: controller.signal });
    await settled();
    controller.abort();
    const result = await pending;
    expect(result).toMatchObject({ status: 'cancelled', cutShort: ['slow'], awaiting: [{ nodeId: 'w' }] });
    expect(await flow.resume(result, { events: { w: 1 } })).toMatchObject({
      status: 'completed',
      output: { w: 1, slow: 'done' },
    });
  });

  it('stops a loop', async () => {
    const controller = new AbortController();
    let visits = 0;
    const { status } = await new Flow('loop', { maxVisits: Infinity })
      .node('a', async () => {
        if (++visits === 50) controller.abort();
        return withAction('again', 0);
      })
      .edge('a', 'a', { action: 'again' })
      .run({}, { signal: controller.signal });
    expect({ status, visits }).toEqual({ status: 'cancelled', visits: 50 });
  });

  it('ends a run whose condition or transformation is still pending', async () => {
    for (const edge of [{ condition: () => deferred<boolean>().promise }, { transform: hang }]) {
      const controller = new AbortController();
      const pending = new Flow('pending')
        .node('a', () => 1)
        .node('b', () => expect.fail('was started'))
        .edge('a', 'b', edge)
        .run({}, { signal: controller.signal });
      await settled();
      controller.abort();
      expect((await pending).status).toBe('cancelled');
    }
  });

  it('after the run changes nothing', async () => {
    const controller = new AbortController();
    const result = await new Flow('after').node('a', () => 1).run({}, { signal: controller.signal });
    controller.abort();
    await settled();
    expect(result).toMatchObject({ status: 'completed', output: 1, reason: undefined });
  });

  it('ends one of two runs, where only that has it', async () => {
    const controller = new AbortController();
    const gate = deferred();
    const flow = new Flow('two').node('a', () => gate.promise);
    const pending = [flow.run({}, { signal: controller.signal }), flow.run()];
    await settled();
    controller.abort();
    await settled();
    gate.resolve();
    expect((await Promise.all(pending)).map(({ status }) => status)).toEqual(['cancelled', 'completed']);
  });

  it('ends all runs that share it', async () => {
    const controller = new AbortController();
    const flow = new Flow('shared').node('a', hang);
    const pending = Array.from({ length: 20 }, () => flow.run({}, { signal: controller.signal }));
    await settled();
    controller.abort();
    expect(new Set((await Promise.all(pending)).map(({ status }) => status))).toEqual(new Set(['cancelled']));
  });

  it('keeps nothing of the runs that it outlives', async () => {
    const { signal } = new AbortController();
    const inner = new Flow('inner').node('x', () => 1);
    const flow = new Flow('outlived')
      .node('a', () => 1, { timeout: 60_000, retry: 1 })
      .node('inner', inner)
      .node('fails', () => Promise.reject(new Error('no')))
      .batch('batch', (item) => item)
      .wait('waits');
    const before = timers();
    for (let index = 0; index < 50; index++) {
      await flow.run({}, { signal, input: [1, 2], timeout: 60_000 });
      await flow.run({}, { signal, input: [1, 2], failFast: true });
      await new FlowRuntime().run(flow, {}, { signal, orchestrator: new StepByStepOrchestrator() });
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(timers()).toBeLessThan(before + 10);
  });

  it('leaves no rejection unhandled, also where nodes reject long after', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    const controller = new AbortController();
    const gates = [deferred(), deferred(), deferred()] as const;
    const inner = new Flow('inner').node('x', () => gates[1].promise);
    const pending = new Flow('late')
      .node('a', () => gates[0].promise)
      .node('inner', inner)
      .batch('batch', () => gates[2].promise)
      .run({}, { signal: controller.signal, input: [1, 2] });
    await settled();
    controller.abort(new Error('reason'));
    await pending;
    for (const gate of gates) gate.reject(new Error('late'));
    await settled();
    await settled();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});

describe('the timeout of a run', () => {
  it('aborts it with a TimeoutError that names the flow', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let signal: AbortSignal | undefined;
    const pending = new Flow('slow')
      .node('a', () => 1)
      .node('b', (_, args) => {
        signal = args.signal;
        return hang();
      })
      .node('c', () => expect.fail('was started'))
      .edge('a', 'b')
      .edge('b', 'c')
      .run({}, { timeout: 1_000 });
    await settled();
    await vi.advanceTimersByTimeAsync(1_000);
    const result = await pending;
    expect(result).toMatchObject({ status: 'cancelled', completed: ['a'], cutShort: ['b'], errors: [] });
    expect(result.reason).toBeInstanceOf(TimeoutError);
    expect(result.reason).toMatchObject({ subject: 'slow', limit: 1_000 });
    expect(signal?.reason).toBe(result.reason);
  });

  it('does not count where the run ends before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const result = await new Flow('quick').node('a', () => 1).run({}, { timeout: 1_000 });
    expect(vi.getTimerCount()).toBe(0);
    expect(result.status).toBe('completed');
  });
});

describe('a kernel run around a flow', () => {
  it('aborts it with itself: the flow is cancelled with its reason', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    let result: WorkflowResult | undefined;
    let inside: Promise<void> = Promise.resolve();
    const outer = orchestrator.run(
      () => {
        inside = new Flow('inside')
          .node('a', () => 1)
          .node('b', hang)
          .edge('a', 'b')
          .run()
          .then((ended) => {
            result = ended;
          });
        return inside;
      },
      { signal: controller.signal },
    );
    await settled();
    controller.abort('reason');
    expect(await rejection(outer)).toBe('reason');
    await inside;
    expect(result).toMatchObject({ status: 'cancelled', reason: 'reason', completed: ['a'], cutShort: ['b'] });
  });

  it('that is aborted already lets nothing start', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    let calls = 0;
    let inside: Promise<WorkflowResult> | undefined;
    const outer = orchestrator.run(
      () => {
        controller.abort('reason');
        inside = new Flow('inside').node('a', () => calls++).run();
        return inside;
      },
      { signal: controller.signal },
    );
    expect(await rejection(outer)).toBe('reason');
    expect(await inside).toMatchObject({ status: 'cancelled', reason: 'reason', cutShort: [], completed: [] });
    expect(calls).toBe(0);
  });

  it('aborts it where an action around it times out', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const orchestrator = new Orchestrator();
    let inside: Promise<WorkflowResult> | undefined;
    const act = orchestrator.action(
      () => {
        inside = new Flow('inside').node('a', hang).run();
        return inside;
      },
      { timeout: 500 },
    );
    const outer = rejection(act());
    await settled();
    await vi.advanceTimersByTimeAsync(500);
    const error = await outer;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(await inside).toMatchObject({ status: 'cancelled', reason: error, cutShort: ['a'] });
  });

  it('that is aborted just as the last node has completed gets a result all the same', async () => {
    const controller = new AbortController();
    const orchestrator = new Orchestrator().onTaskCompletion(() => controller.abort('reason'));
    const flow = new Flow('last').node('a', () => 1);
    let inside: Promise<WorkflowResult> | undefined;
    const outer = new Orchestrator().run(
      () => {
        inside = new FlowRuntime({ orchestrator }).run(flow);
        return inside;
      },
      { signal: controller.signal },
    );
    expect(await rejection(outer)).toBe('reason');
    expect(await inside).toMatchObject({ context: { a: 1 }, completed: ['a'], cutShort: [] });
  });
});

describe('an orchestrator that does not look for an abort', () => {
  it('has its run cancelled all the same: by a signal, and by the limit of the run', async () => {
    const flow = new Flow('late')
      .node('a', () => deferred().promise)
      .node('b', () => 1)
      .edge('a', 'b');
    for (const options of [() => ({ timeout: 10 }), () => ({ signal: AbortSignal.timeout(10) })]) {
      const result = await flow.run({}, { ...options(), orchestrator: new StepByStepOrchestrator() });
      expect(result).toMatchObject({ status: 'cancelled', cutShort: ['a'], reason: { name: 'TimeoutError' } });
    }
  });
});

describe('a run that is driven by hand', () => {
  it.each([
    ['to completion', () => new RunToCompletionOrchestrator()],
    ['step by step', () => new StepByStepOrchestrator()],
  ])('%s is aborted by the signal of its options', async (_, make) => {
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const flow = new Flow('by hand')
      .node('a', (_, args) => {
        signal = args.signal;
        return hang();
      })
      .node('b', () => expect.fail('was started'))
      .edge('a', 'b');
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(
      flow,
      {},
      { signal: controller.signal },
    );
    const pending = make().run(traverser, executorFactory, state, services);
    await settled();
    controller.abort('reason');
    expect(signal?.aborted).toBe(true);
    expect(await pending).toMatchObject({ status: 'cancelled', reason: 'reason', cutShort: ['a'], errors: [] });
  });

  it('is not gone on with once it was aborted', async () => {
    const controller = new AbortController();
    const flow = new Flow('by hand')
      .node('a', () => 1)
      .node('b', () => expect.fail('was started'))
      .edge('a', 'b');
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(
      flow,
      {},
      { signal: controller.signal },
    );
    const orchestrator = new StepByStepOrchestrator();
    expect((await orchestrator.run(traverser, executorFactory, state, services)).status).toBe('stalled');
    controller.abort('reason');
    const result = await orchestrator.run(traverser, executorFactory, state, services);
    expect(result).toMatchObject({ status: 'cancelled', reason: 'reason', completed: ['a'] });
  });
});
