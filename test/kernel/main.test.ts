import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Orchestrator, runMain, ValidationError } from 'orchestrator';
import { describe, expect, it, vi } from 'vitest';
import { compiled } from '../programs/compiled.js';
import { rejection } from '../support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = compiled(new URL('fixtures/main.ts', import.meta.url));

function start(main: string, options: object = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [program, main, JSON.stringify(options)], { cwd: root });
}

async function ending(child: ChildProcessWithoutNullStreams) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, signal, stdout, stderr };
}

async function said(child: ChildProcessWithoutNullStreams, line: string): Promise<void> {
  let output = '';
  for await (const [chunk] of on(child)) {
    output += chunk;
    if (output.includes(`${line}\n`)) return;
  }
}

async function* on(child: ChildProcessWithoutNullStreams) {
  const chunks: string[] = [];
  let wake = () => {};
  const take = (chunk: Buffer) => {
    chunks.push(String(chunk));
    wake();
  };
  child.stdout.on('data', take);
  try {
    for (;;) {
      while (chunks.length > 0) yield [chunks.shift()];
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    child.stdout.off('data', take);
  }
}

describe('runMain', () => {
  it('resolves with the result, and leaves no listener and no exit code', async () => {
    const { code, stdout, stderr } = await ending(start('completes'));
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'listeners 0, result result\n', stderr: '' });
  });

  it('keeps an exit code that the function has set', async () => {
    expect(await ending(start('sets its own exit code'))).toMatchObject({ code: 3, stderr: '' });
  });

  it('prints a failure once, with its causes and without values, and exits with 1', async () => {
    const { code, stdout, stderr } = await ending(start('fails'));
    expect([code, stdout]).toEqual([1, 'listeners 0, result undefined\n']);
    expect(stderr).toMatch(/^Error: no user\n {4}at /);
    expect(stderr).toMatch(/\nCaused by: Error: no route\n {4}at /);
    expect(stderr.match(/no user/g)).toHaveLength(1);
    expect(stderr).not.toContain('secret');
  });

  it('prints the failures of an aggregate, and the kind of a thrown value', async () => {
    const parallel = await ending(start('fails in parallel'));
    expect(parallel.code).toBe(1);
    expect(parallel.stderr).toContain('ParallelError: 1 of 2 parallel actions failed: "user": no user');
    const thrown = await ending(start('throws'));
    expect(thrown.stderr).toContain('"script" threw String instead of an Error');
    expect(thrown.stderr).toContain('Caused by: a value that is not an error: String');
    expect(parallel.stderr + thrown.stderr).not.toContain('secret');
    expect(thrown.stderr.match(/a value that is not an error/g)).toHaveLength(1);
  });

  it.each([
    ['throws undefined', /^ValidationError: "script" threw undefined instead of an Error\n {4}at /],
    ['fails without a stack', /^RangeError: no user\n$/],
    ['fails with an unreadable reason', /^ValidationError: "script" threw a value that cannot be inspected/],
    ['fails at its begin hook', /^ValidationError: "script" threw String instead of an Error/],
    ['fails with an exit code that is text', /^Error: no user/],
  ])('prints one text if it %s, and exits with 1', async (main, expected) => {
    const { code, stdout, stderr } = await ending(start(main));
    expect([code, stdout]).toEqual([1, 'listeners 0, result undefined\n']);
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/\n\n|secret/);
  });

  it('ends in good order if nobody reads stderr any more', async () => {
    const child = start('fails when stderr is closed');
    const closed = once(child, 'close');
    const output = text(child.stdout);
    child.stderr.destroy();
    child.stdin.end();
    expect(await closed).toEqual([7, null]);
    expect(await output).toBe('ready\nlisteners 0, result undefined\n');
  });

  it('exits with 1 when the limit of the run is reached', async () => {
    const { code, stderr } = await ending(start('is too slow', { timeout: 20, name: 'import' }));
    expect(code).toBe(1);
    expect(stderr).toContain('TimeoutError: "import" timed out after 20 ms');
  });

  it('ends the program after a failure when the grace is over', async () => {
    expect(await ending(start('fails and keeps a socket', { grace: 50 }))).toMatchObject({ code: 1, signal: null });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('is aborted by %s, waits for its clean-up and exits with %i', async (signal, exitCode) => {
    const child = start('waits');
    const end = ending(child);
    await said(child, 'ready');
    child.kill(signal);
    expect(await end).toEqual({
      code: exitCode,
      signal: null,
      stdout: 'ready\ncleaned up\nlisteners 0, result undefined\n',
      stderr: '',
    });
  });

  it('prints the error of a clean-up that fails', async () => {
    const child = start('fails to clean up');
    const end = ending(child);
    await said(child, 'ready');
    child.kill('SIGINT');
    const { code, stderr } = await end;
    expect(code).toBe(130);
    expect(stderr).toContain('Error: no disk');
  });

  it('ends at once at the second signal', async () => {
    const child = start('ignores', { grace: 60_000 });
    const end = ending(child);
    await said(child, 'ready');
    child.kill('SIGINT');
    await said(child, 'aborted');
    child.kill('SIGINT');
    expect(await end).toMatchObject({ code: 130, signal: null });
  });

  it('ends after an interrupt when the grace is over, even if the function ignores the abort', async () => {
    const child = start('ignores', { grace: 50 });
    const end = ending(child);
    await said(child, 'ready');
    child.kill('SIGTERM');
    expect(await end).toMatchObject({ code: 143, signal: null });
  });

  it('rejects wrong arguments and options, and leaves no listener', async () => {
    const orchestrator = new Orchestrator();
    const before = process.listenerCount('SIGINT');
    const messages = [
      runMain({} as never, () => 1),
      runMain(orchestrator, 'main' as never),
      runMain(orchestrator, () => 1, { grace: -1 }),
      runMain(orchestrator, () => 1, { signal: 1 as never }),
      runMain(orchestrator, () => 1, { name: '' }),
      runMain(orchestrator, () => 1, null as never),
      runMain(orchestrator, () => 1, { gracee: 1 } as never),
    ].map(async (pending) => {
      const error = await rejection(pending);
      expect(error).toBeInstanceOf(ValidationError);
      return (error as Error).message;
    });
    expect(await Promise.all(messages)).toEqual([
      'orchestrator must be an Orchestrator, got Object',
      'main must be a function, got String',
      'grace must be a number of milliseconds above 0, up to 2147483647 or Infinity, got -1',
      'signal must be an AbortSignal, got 1',
      'name must be a non-empty string, got String',
      'options must be an object, got null',
      'gracee is unknown, expected name, id, state, signal, timeout, journal, grace',
    ]);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  it('sets the exit code and prints once, for a failure and for an abort by a signal of the caller', async () => {
    const orchestrator = new Orchestrator();
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const { exitCode } = process;
    try {
      expect(await runMain(orchestrator, () => 'done', { grace: null })).toBe('done');
      expect(process.exitCode).toBe(exitCode);

      const aborted = { signal: AbortSignal.abort(new Error('called off')), grace: null };
      expect(await runMain(orchestrator, () => 'never', aborted)).toBeUndefined();
      expect([process.exitCode, write.mock.calls.length]).toEqual([1, 1]);
      expect(String(write.mock.calls[0])).toMatch(/^Error: called off/);

      process.exitCode = 4;
      const failing = async () => {
        throw new Error('no');
      };
      expect(await runMain(orchestrator, failing, { grace: Infinity })).toBeUndefined();
      expect([process.exitCode, write.mock.calls.length]).toEqual([4, 2]);
    } finally {
      process.exitCode = exitCode;
      write.mockRestore();
    }
  });
});
