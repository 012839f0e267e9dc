import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { DistributedExecutor, DistributedWorker, memory } from 'orchestrator/distributed';
import { DryRunExecutor, Flow, FlowRuntime, type IExecutor, type Logger, Node } from 'orchestrator/flow';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import pino, { type LoggerOptions } from 'pino';
import { describe, expect, it } from 'vitest';

/** Creates a stream that collects its lines. */
function sink() {
  let text = '';
  const stream = new Writable({
    write: (chunk, _, written) => {
      text += chunk;
      written();
    },
  });
  return { stream, text: () => text };
}

function withPino(options: LoggerOptions = {}) {
  const { stream, text } = sink();
  const logger = pino({ base: null, timestamp: false, ...options }, stream);
  const entries = () =>
    text()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, entries };
}

function withConsole() {
  const { stream, text } = sink();
  return { logger: new Console(stream, stream), text };
}

const charging = new Flow('order').node('charge', (_, { logger }) => {
  logger.info('begins');
  logger.info('charged', { orderId: 42 });
  logger.error('refused', { error: new RangeError('declined') });
  logger.warn('odd', new RangeError('too much'));
});

describe('a logger in a flow', () => {
  const expected = [
    { level: 30, msg: 'begins' },
    { level: 30, msg: 'charged', orderId: 42 },
    { level: 50, msg: 'refused', error: { type: 'RangeError', message: 'declined', stack: expect.any(String) } },
    { level: 40, msg: 'odd', err: { type: 'RangeError', message: 'too much', stack: expect.any(String) } },
  ];

  it('writes messages and details to pino, of the runtime and of the run', async () => {
    const { logger, entries } = withPino();
    await new FlowRuntime({ logger }).run(charging);
    expect(entries()).toEqual(expected);
    await charging.run({}, { logger: logger.child({ request: 'r' }) });
    expect(entries().slice(4)).toEqual(expected.map((entry) => ({ ...entry, request: 'r' })));
  });

  it('writes them to a console', async () => {
    const { logger, text } = withConsole();
    await new FlowRuntime({ logger }).run(charging);
    expect(text()).toContain('begins\ncharged { orderId: 42 }\nrefused {\n  error: RangeError: declined\n      at ');
  });

  it('writes them on a worker of a fleet', async () => {
    const { logger, entries } = withPino();
    const engine = memory();
    const worker = new DistributedWorker({ engine, workflows: [charging], runtime: new FlowRuntime({ logger }) });
    await worker.start();
    await charging.run({}, { executor: new DistributedExecutor(engine) });
    await worker.stop();
    expect(entries()).toEqual(expected);
  });

  it('writes them from flows in flows, once', async () => {
    const { logger, entries } = withPino();
    const outer = new Flow('outer').node('inner', charging).node('again', (_, args) => charging.exec(args));
    await new FlowRuntime({ logger }).run(outer.edge('inner', 'again'));
    expect(entries()).toEqual([...expected, ...expected]);
  });

  it('is the given object if it takes the message first', async () => {
    const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
    let seen: unknown;
    const flow = new Flow('f').node('a', (_, args) => {
      seen = args.logger;
    });
    await new FlowRuntime({ logger }).run(flow);
    expect(seen).toBe(logger);
  });

  it('follows a change of the level of pino', async () => {
    const { logger, entries } = withPino();
    const flow = new Flow('f').node('a', (_, args) => args.logger.debug('seen', { n: 1 }));
    const runtime = new FlowRuntime({ logger });
    await runtime.run(flow);
    expect(entries()).toEqual([]);
    logger.level = 'debug';
    await runtime.run(flow);
    expect(entries()).toEqual([{ level: 20, n: 1, msg: 'seen' }]);
  });

  it('does not change calls in the order of pino, nor what pino formats', async () => {
    const { logger, entries } = withPino();
    const flow = new Flow('f').node('a', (_, args) => {
      const own = args.logger as unknown as pino.Logger;
      own.info({ orderId: 42 }, 'charged');
      own.info('charged %s for %d', 'ann', 42);
      own.child({ part: 'tax' }).info({ rate: 7 }, 'added');
      own.info('nothing', null as never);
    });
    await flow.run({}, { logger });
    expect(entries()).toEqual([
      { level: 30, orderId: 42, msg: 'charged' },
      { level: 30, msg: 'charged ann for 42' },
      { level: 30, part: 'tax', rate: 7, msg: 'added' },
      { level: 30, msg: 'nothing' },
    ]);
  });

  it('writes errors with the serializers of pino', async () => {
    const { logger, entries } = withPino({ serializers: { error: (error: Error) => `it was ${error.message}` } });
    const flow = new Flow('f').node('a', (_, args) =>
      args.logger.error('no', { error: new Error('this'), reason: new Error('that') }),
    );
    await flow.run({}, { logger });
    expect(entries()[0]).toMatchObject({ error: 'it was this', reason: { message: 'that' } });
  });

  it('calls bunyan with the details first', async () => {
    const calls: unknown[][] = [];
    const write = (...args: unknown[]) => void calls.push(args);
    const bunyan = { addStream() {}, trace: write, debug: write, info: write, warn: write, error: write };
    await new Flow('f').node('a', (_, { logger }) => logger.info('charged', { n: 1 })).run({}, { logger: bunyan });
    expect(calls).toEqual([[{ n: 1 }, 'charged']]);
  });

  it('takes the message first in an executor of the user', async () => {
    const { logger, entries } = withPino();
    const executor: IExecutor = {
      run: async (_flow, _context, options) => options?.logger?.info('walks', { n: 1 }),
      getNextNode: () => undefined,
    };
    await charging.run({}, { executor, logger });
    expect(entries()).toEqual([{ level: 30, n: 1, msg: 'walks' }]);
  });

  it('receives the warnings of a dry run', async () => {
    class Lost extends Node {
      override post(): never {
        throw new RangeError('nothing there');
      }
    }
    const { logger, entries } = withPino();
    await new DryRunExecutor().run(new Flow('f').node('a', Lost), {}, { logger });
    expect(entries().find(({ level }) => level === 40)).toMatchObject({ err: { message: 'nothing there' } });
  });
});

describe('a logger of loops', () => {
  const failing = () =>
    new Loop('import', { schedule: { every: 1 } })
      .producer('p', counting(2))
      .blocking('save', () => Promise.reject(new RangeError('disk full')));

  function counting(count: number): () => unknown {
    let n = 0;
    return () => (++n < count ? n : done);
  }

  async function runWith(logger: Logger): Promise<void> {
    const loops = new WorkflowOrchestrator({ logger });
    await loops.load({ loops: [failing()] });
    await loops.start();
    await loops.ended();
    await loops.close();
  }

  it('receives failures with their error: pino writes it', async () => {
    const { logger, entries } = withPino();
    await runWith(logger);
    const err = { type: 'RangeError', message: 'disk full', stack: expect.any(String) };
    expect(entries()).toContainEqual(
      expect.objectContaining({
        level: 50,
        loopId: 'import',
        nodeId: 'save',
        err,
        msg: expect.stringContaining('save'),
      }),
    );
  });

  it('receives failures with their error: a console prints it', async () => {
    const { logger, text } = withConsole();
    await runWith(logger);
    expect(text()).toMatch(/^node "save" of loop "import" has failed \{/m);
    expect(text()).toContain('err: RangeError: disk full\n');
  });
});
