import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { Orchestrator } from 'orchestrator';
import { memoryJournal } from 'orchestrator/durable';
import { type Logger, type LogOptions, logTo } from 'orchestrator/telemetry';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { failing, rejection, settled } from '../support.js';
import { afterwards } from './support.js';

/** Creates a stream that collects its lines. */
function sink() {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk, _, done) => {
      lines.push(...String(chunk).split('\n').filter(Boolean));
      done();
    },
  });
  return { lines, stream };
}

function logging(logger: Partial<Logger>, options?: LogOptions): () => void {
  const stop = logTo(logger, options);
  afterwards(stop);
  return stop;
}

function withPino(options?: LogOptions) {
  const { lines, stream } = sink();
  const stop = logging(pino({ level: 'trace', base: null, timestamp: false }, stream), options);
  return { stop, entries: () => lines.map((line) => JSON.parse(line)) };
}

describe('logTo', () => {
  it('says which life of a durable run begins and ends, and how much of it was replayed', async () => {
    const { entries } = withPino({ tasks: false });
    const orchestrator = new Orchestrator({ name: 'import' });
    const journal = memoryJournal();
    const [good, bad] = [orchestrator.action('good', () => 1), orchestrator.action('bad', failing(1, 2))];
    const live = () => orchestrator.run(async () => [await good(), await bad()], { id: 'run', journal });
    await rejection(live());
    await live();
    await settled();
    expect(entries().map(({ msg, life, replayed }) => [msg.replace(/ after.*/, ''), life, replayed])).toEqual([
      ['process import begins', 1, undefined],
      ['process import failed', 1, undefined],
      ['process import begins', 2, undefined],
      ['process import completed', 2, 1],
    ]);
  });

  it('logs a line for each begin and end, to pino', async () => {
    const { entries } = withPino();
    const orchestrator = new Orchestrator({ name: 'order', state: { secret: 'hidden' } });
    const charge = orchestrator.action(async (_: string) => 'hidden', { name: 'charge' });
    await orchestrator.run(() => charge('hidden'), { id: 'p' });
    await settled();
    const duration = expect.any(Number);
    const task = { taskId: 'p/1', processId: 'p', process: 'order', task: 'charge' };
    const process = { processId: 'p', process: 'order' };
    expect(entries()).toEqual([
      { level: 20, ...process, msg: 'process order begins' },
      { level: 20, ...task, msg: 'task charge begins' },
      {
        level: 30,
        ...task,
        status: 'completed',
        attempts: 1,
        duration,
        msg: expect.stringMatching(/^task charge completed after [\d.]+ ms$/),
      },
      {
        level: 30,
        ...process,
        status: 'completed',
        duration,
        msg: expect.stringMatching(/^process order completed after [\d.]+ ms$/),
      },
    ]);
    expect(JSON.stringify(entries())).not.toContain('hidden');
  });

  it('warns of retries and logs failures as errors, with the error', async () => {
    const { entries } = withPino({ processes: false, levels: { begin: false } });
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0 } });
    await rejection(
      orchestrator.action(
        failing(9, 0, () => new RangeError('no')),
        { name: 'act' },
      )(),
    );
    await settled();
    expect(entries()).toMatchObject([
      {
        level: 40,
        task: 'act',
        attempt: 1,
        retriesLeft: 1,
        delay: 0,
        err: { type: 'RangeError', message: 'no' },
        msg: 'task act failed attempt 1, again in 0 ms: no',
      },
      {
        level: 50,
        task: 'act',
        attempts: 2,
        status: 'failed',
        err: { type: 'RangeError', stack: expect.stringContaining('logging.test.ts') },
        msg: expect.stringMatching(/^task act failed after [\d.]+ ms: no$/),
      },
    ]);
  });

  it('logs cancelled work, whatever the reason', async () => {
    const { entries } = withPino({ levels: { begin: false } });
    const orchestrator = new Orchestrator({ name: 'work' });
    const hang = orchestrator.action(() => new Promise(() => {}), { name: 'hang' });
    for (const reason of [undefined, 'because', null]) {
      const abort = new AbortController();
      const run = rejection(orchestrator.run(() => hang(), { signal: abort.signal }));
      abort.abort(reason);
      await run;
    }
    await settled();
    const messages = entries().map(({ level, msg }) => [level, msg.replace(/[\d.]+ ms/, 'some time')]);
    const cancelled = (why: string) => [
      [40, `task hang cancelled after some time: ${why}`],
      [40, `process work cancelled after some time: ${why}`],
    ];
    const expected = ['This operation was aborted', 'because', 'This operation was aborted'].flatMap(cancelled);
    expect(messages.sort()).toEqual(expected.sort());
  });

  it('passes a console the message first', async () => {
    const [out, errors] = [sink(), sink()];
    logging(new Console(out.stream, errors.stream));
    await new Orchestrator({ name: 'order' }).run(() => 1, { id: 'p' });
    await settled();
    expect(out.lines[0]).toBe("process order begins { processId: 'p', process: 'order' }");
    expect(out.lines[1]).toMatch(/^process order completed after [\d.]+ ms \{$/);
    expect(errors.lines).toEqual([]);
  });

  it('accepts any object with the methods that are called', async () => {
    const calls: unknown[][] = [];
    const all = (...args: unknown[]) => calls.push(args);
    logging({ info: all, error: all }, { tasks: false, levels: { begin: 'info', retry: false, cancellation: false } });
    await new Orchestrator({ name: 'order' }).action(() => 1)();
    await settled();
    expect(calls.map(([message]) => String(message).slice(0, 15))).toEqual(['process order b', 'process order c']);
  });

  it('passes the details first if the options say so', async () => {
    const calls: unknown[][] = [];
    const all = (...args: unknown[]) => calls.push(args);
    logging({ debug: all, info: all, warn: all, error: all }, { style: 'pino', tasks: false });
    await new Orchestrator({ name: 'order' }).run(() => 1, { id: 'p' });
    await settled();
    expect(calls[0]).toEqual([{ processId: 'p', process: 'order' }, 'process order begins']);
  });

  it('names the process that a process was started in', async () => {
    const { entries } = withPino({ tasks: false });
    const inner = new Orchestrator({ name: 'inner' });
    await new Orchestrator({ name: 'outer' }).run(() => inner.run(() => 1), { id: 'o' });
    expect(entries().find(({ process }) => process === 'inner')).toMatchObject({ parentId: 'o' });
  });

  it('names the process with each task and each retry, even if processes are not logged', async () => {
    const { entries } = withPino({ processes: false });
    const orchestrator = new Orchestrator({ name: 'order', retry: { retries: 1, minTimeout: 0 } });
    const charge = orchestrator.action(failing(1, 'done'), { name: 'charge' });
    await orchestrator.run(() => charge(), { id: 'p' });
    await settled();
    expect(entries().map(({ level, process, processId }) => [level, process, processId])).toEqual([
      [20, 'order', 'p'],
      [40, 'order', 'p'],
      [30, 'order', 'p'],
    ]);
  });

  it('names the process as long as one of several with the same id is running', async () => {
    const { entries } = withPino({ processes: false, levels: { begin: false } });
    const orchestrator = new Orchestrator({ name: 'job' });
    const act = orchestrator.action(() => 1, { name: 'act' });
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const long = orchestrator.run(() => gate.then(() => act()), { id: 'same' });
    await orchestrator.run(() => act(), { id: 'same' });
    go();
    await long;
    await settled();
    expect(entries().map(({ process }) => process)).toEqual(['job', 'job']);
  });

  it('does not name a process that began earlier, and forgets the oldest of more than ten thousand', async () => {
    const orchestrator = new Orchestrator({ name: 'job' });
    const act = orchestrator.action((_: string) => 1, { name: 'act' });
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const begin = (id: string, isAsked = true) =>
      orchestrator.run(() => gate.then(() => (isAsked ? act(id) : undefined)), { id });
    const before = begin('before');
    const { entries } = withPino({ processes: false, levels: { begin: false } });
    const oldest = begin('oldest');
    const others = Array.from({ length: 9_999 }, (_, index) => begin(`other ${index}`, false));
    const newest = begin('newest');
    go();
    await Promise.all([before, oldest, newest, ...others]);
    await settled();
    expect(entries().map(({ processId, process }) => [processId, process])).toEqual([
      ['before', undefined],
      ['oldest', undefined],
      ['newest', 'job'],
    ]);
  });

  it('stops when it is told to', async () => {
    const { entries, stop } = withPino();
    stop();
    await new Orchestrator({ retry: { minTimeout: 0 } }).action(failing(1, 'done'))();
    await settled();
    expect(entries()).toEqual([]);
  });

  it('ignores errors of the logger, thrown or rejected', async () => {
    const raise = () => {
      throw new Error('the disk is full');
    };
    const reject = () => Promise.reject(new Error('the disk is full'));
    logging({ debug: raise, info: raise, warn: raise, error: raise });
    logging({ debug: reject, info: reject, warn: reject, error: reject });
    const orchestrator = new Orchestrator({ retry: { minTimeout: 0 } });
    await expect(orchestrator.action(failing(1, 'done'))()).resolves.toBe('done');
    await settled();
  });

  it('rejects a logger without the needed methods, and options that are wrong', () => {
    expect(() => logTo({ info: () => {}, error: () => {} })).toThrow('logger.debug must be a function, got undefined');
    expect(() => logTo(undefined as never)).toThrow('logger.debug must be a function');
    expect(() => logTo(console, { levels: { begin: 'loud' } } as never)).toThrow(
      'levels.begin must be trace, debug, info, warn, error or false',
    );
    expect(() => logTo(console, { style: 'winston' } as never)).toThrow('style must be pino or console');
    expect(() => logTo(console, { levels: { start: 'info' } } as never)).toThrow(
      'levels.start is unknown, expected begin, completion, retry, failure, cancellation',
    );
  });
});
