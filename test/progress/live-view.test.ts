import { Orchestrator } from 'orchestrator';
import { type ProgressOptions, showProgress } from 'orchestrator/progress';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection } from '../support.js';
import { Terminal, until } from './support.js';

const spinner = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/;
let stop: (() => void) | undefined;

afterEach(() => {
  stop?.();
  stop = undefined;
  vi.restoreAllMocks();
});

function shown(options: ProgressOptions = {}) {
  const terminal = new Terminal();
  const progress = showProgress({ stream: terminal, interactive: true, colour: false, interval: 10, ...options });
  stop = () => progress.stop();
  return { terminal, progress };
}

/** Starts a run that ends on request. */
function running() {
  const gate = deferred();
  const orchestrator = new Orchestrator({ name: 'job' });
  const wait = orchestrator.action(() => gate.promise, { name: 'wait' });
  const ended = rejection(orchestrator.run(() => wait().then(() => Promise.reject(new Error('over')))));
  return {
    async end() {
      gate.resolve();
      await ended;
    },
  };
}

describe('the live view', () => {
  it('shows the running work, hides the cursor, and restores it with the summary', async () => {
    const { terminal, progress } = shown();
    const job = running();
    await until(() => terminal.screen.length === 2);
    expect(terminal.screen[0]).toMatch(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] job +\d.*s$/);
    expect(terminal.screen[1]).toMatch(/^└ [⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] wait +\d.*s$/);
    expect(terminal.isCursorVisible).toBe(false);
    await job.end();
    progress.stop();
    expect(terminal.screen.slice(0, 3)).toEqual(['', expect.stringMatching(/^✗ job/), expect.stringMatching(/task/)]);
    expect(terminal.screen).toHaveLength(4);
    expect(terminal.isCursorVisible).toBe(true);
  });

  it('leaves the last state if it is stopped in between, and writes nothing afterwards', async () => {
    const { terminal, progress } = shown({ summary: false });
    const job = running();
    await until(() => terminal.screen.length === 2);
    progress.stop();
    const left = terminal.screen;
    expect(left).toEqual([expect.stringMatching(/^■ job +\d.*s$/), expect.stringMatching(/^└ ■ wait +\d.*s$/)]);
    terminal.write('mine\n');
    await job.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(terminal.screen).toEqual([...left, 'mine']);
  });

  it('stays below the output of other code on the same terminal, as text or as bytes', async () => {
    const { terminal } = shown();
    const job = running();
    await until(() => terminal.screen.length === 2);
    terminal.write('first\n');
    terminal.write(new TextEncoder().encode('second\n'));
    terminal.write('');
    // The picture is back in the same turn of the event loop.
    expect(terminal.screen.slice(0, 3)).toEqual(['first', 'second', expect.stringMatching(spinner)]);
    expect(terminal.screen).toHaveLength(4);
    await job.end();
  });

  it('stays if a write fails, and below all writes that one write leads to', async () => {
    const terminal = new Terminal();
    const write = terminal.write.bind(terminal) as (text: string) => boolean;
    // Writes everything twice, the second time like any other code.
    terminal.write = ((text: string) =>
      write(text) && (text !== 'twice\n' || terminal.write('again\n'))) as typeof write;
    const progress = showProgress({ stream: terminal, interactive: true, colour: false, interval: 10 });
    stop = () => progress.stop();
    const job = running();
    await until(() => terminal.screen.length === 2);
    expect(() => terminal.write(Symbol('no text') as unknown as string)).toThrow();
    expect(terminal.screen).toHaveLength(2);
    terminal.write('twice\n');
    expect(terminal.screen.slice(0, 3)).toEqual(['twice', 'again', expect.stringMatching(spinner)]);
    expect(terminal.screen).toHaveLength(4);
    await job.end();
  });

  it('waits for the end of a line that was open before log-update was loaded', async () => {
    const { terminal } = shown();
    terminal.write('Your name? ');
    const job = running();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(terminal.screen).toEqual(['Your name?']);
    terminal.write('Ada\n');
    await until(() => terminal.screen.length === 3);
    expect(terminal.screen[0]).toBe('Your name? Ada');
    await job.end();
  });

  it('waits for the next drawing if other code writes a lot', async () => {
    const { terminal } = shown({ interval: 60_000 });
    await until(() => Object.hasOwn(terminal, 'write'));
    const job = running();
    terminal.write('line\n');
    await until(() => terminal.screen.length === 3);
    for (let line = 0; line < 1_000; line++) terminal.write('line\n');
    expect(terminal.screen).toHaveLength(1_001);
    await until(() => terminal.screen.length === 1_003);
    expect(terminal.screen.at(-1)).toContain('wait');
    await job.end();
  });

  it('draws anew if the picture no longer fits after other output', async () => {
    const { terminal } = shown({ interval: 60_000 });
    await until(() => Object.hasOwn(terminal, 'write'));
    const job = running();
    terminal.write('line\n');
    await until(() => terminal.screen.length === 3);
    terminal.rows = 2;
    terminal.write('line\n');
    expect(terminal.screen).toEqual(['line', 'line']);
    await until(() => terminal.screen.length === 3);
    await job.end();
  });

  it('waits while a line is open, and shows the cursor meanwhile', async () => {
    const { terminal } = shown();
    const job = running();
    await until(() => terminal.screen.length === 2);
    terminal.write('Your name? ');
    terminal.write('\u001b[0m');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(terminal.screen).toEqual(['Your name?']);
    expect(terminal.isCursorVisible).toBe(true);
    terminal.write('Ada\n');
    await until(() => terminal.screen.length === 3);
    expect(terminal.screen[0]).toBe('Your name? Ada');
    expect(terminal.isCursorVisible).toBe(false);
    await job.end();
  });

  it('draws for the current size of the terminal', async () => {
    const { terminal } = shown();
    const orchestrator = new Orchestrator({ name: 'x'.repeat(100) });
    const gate = deferred();
    const pending = orchestrator.run(() => gate.promise);
    await until(() => terminal.screen.length === 1);
    expect(terminal.screen[0]?.length).toBeGreaterThan(30);
    terminal.resize(30);
    await until(() => (terminal.screen.at(-1)?.length ?? 99) <= 29);
    terminal.resize(30, 10);
    terminal.resize(20);
    await until(() => (terminal.screen.at(-1)?.length ?? 99) <= 19);
    gate.resolve();
    await pending;
  });

  it('assumes 80 columns and 24 lines if the stream does not report its size', async () => {
    const { terminal } = shown();
    Object.assign(terminal, { columns: undefined, rows: undefined });
    const orchestrator = new Orchestrator({ name: 'x'.repeat(100) });
    const gate = deferred();
    const many = Array.from({ length: 40 }, (_, index) =>
      orchestrator.action(() => gate.promise, { name: `n${index}` }),
    );
    const pending = orchestrator.run(() => Promise.all(many.map((action) => action())));
    await until(() => terminal.screen.length === 23);
    expect(terminal.screen[0]?.length).toBeLessThan(80);
    gate.resolve();
    await pending;
  });

  it('restores the write method of the stream, even if it was replaced before or meanwhile', async () => {
    const { terminal, progress } = shown();
    const job = running();
    await until(() => terminal.screen.length === 2);
    expect(Object.hasOwn(terminal, 'write')).toBe(true);
    progress.stop();
    expect(Object.hasOwn(terminal, 'write')).toBe(false);
    await until(() => terminal.listenerCount('error') + terminal.listenerCount('resize') === 0);

    const own = new Terminal();
    const write = own.write.bind(own);
    own.write = write as typeof own.write;
    const second = showProgress({ stream: own, interactive: true, interval: 10 });
    await until(() => own.write !== write);
    const between = own.write;
    second.stop();
    expect(own.write).toBe(write);

    const third = showProgress({ stream: own, interactive: true, interval: 10 });
    await until(() => own.write !== write);
    const theirs = own.write;
    const over = (...args: Parameters<typeof own.write>) => theirs.apply(own, args);
    own.write = over as typeof own.write;
    third.stop();
    expect(own.write).toBe(over);
    own.write('still written\n');
    expect(own.screen.at(-1)).toBe('still written');
    expect(between).not.toBe(write);
    await job.end();
  });

  it('ends with only a summary if it is stopped before the first drawing', async () => {
    const { terminal, progress } = shown();
    await new Orchestrator({ name: 'job' }).run(() => 1);
    progress.stop();
    expect(terminal.screen).toEqual(['', expect.stringMatching(/^✓ job {2}\d.*s$/)]);
    // log-update is loaded by now, but no longer used.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(terminal.screen).toHaveLength(2);
  });

  it('writes nothing if nothing has happened', async () => {
    const { terminal, progress } = shown();
    await until(() => Object.hasOwn(terminal, 'write'));
    progress.stop();
    expect(terminal.screen).toEqual([]);
  });

  it('survives a signal that other code handles, and restores the cursor for it', async () => {
    const { terminal } = shown();
    const job = running();
    await until(() => terminal.screen.length === 2);
    let listenersThen = -1;
    const listen = () => {
      listenersThen = process.listenerCount('SIGHUP');
      expect(terminal.isCursorVisible).toBe(true);
    };
    const before = process.listenerCount('SIGHUP');
    process.on('SIGHUP', listen);
    process.emit('SIGHUP', 'SIGHUP');
    // Some listeners end the program only if they are the only listeners.
    expect(listenersThen).toBe(before);
    await until(() => process.listenerCount('SIGHUP') === before + 1);
    process.off('SIGHUP', listen);
    await until(() => !terminal.isCursorVisible);
    await job.end();
  });

  it('ends by a signal that nothing else handles, like the program', async () => {
    const { terminal } = shown();
    const job = running();
    await until(() => terminal.screen.length === 2);
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    expect(process.listenerCount('SIGHUP')).toBe(1);
    process.emit('SIGHUP', 'SIGHUP');
    expect(kill).toHaveBeenCalledWith(process.pid, 'SIGHUP');
    expect(process.listenerCount('SIGHUP')).toBe(0);
    expect(terminal.screen.join('\n')).toMatch(/■ job .+\n└ ■ wait .+\n\n■ job {2}not finished/);
    expect(terminal.isCursorVisible).toBe(true);
    await job.end();
  });
});
