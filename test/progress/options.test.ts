import { Writable } from 'node:stream';
import { ValidationError } from 'orchestrator';
import { showProgress } from 'orchestrator/progress';
import { describe, expect, it } from 'vitest';
import { ascii, unicode } from '../../src/progress/layout/symbols.js';
import { settingOf } from '../../src/progress/options.js';
import { processRecord, Terminal, Written } from './support.js';

describe('options of progress', () => {
  it('are by default: standard error, all processes, a summary', () => {
    expect(settingOf({}, {})).toMatchObject({ stream: process.stderr, filter: undefined, hasSummary: true });
  });

  it.each([
    ['a terminal', new Terminal(), {}, true],
    ['what is no terminal', new Written(), {}, false],
    ['a terminal in CI', new Terminal(), { CI: 'true' }, false],
    ['a terminal where CI is said to be off', new Terminal(), { CI: 'false' }, true],
    ['a terminal where CI is set to nothing', new Terminal(), { CI: '' }, true],
    ['a terminal that cannot go back', new Terminal(), { TERM: 'dumb' }, false],
  ])('change lines in place, or not, on %s', (_, stream, environment, isInteractive) => {
    expect(settingOf({ stream }, environment)).toMatchObject({ isInteractive, interval: isInteractive ? 80 : 1_000 });
    expect(settingOf({ stream, interactive: !isInteractive }, environment).isInteractive).toBe(!isInteractive);
  });

  it.each([
    ['a terminal', new Terminal(), {}, true],
    ['what is no terminal', new Written(), {}, false],
    ['a terminal with NO_COLOR', new Terminal(), { NO_COLOR: '1' }, false],
    ['a terminal with an empty NO_COLOR', new Terminal(), { NO_COLOR: '' }, true],
    ['a terminal with NO_COLOR and FORCE_COLOR', new Terminal(), { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['what is no terminal with FORCE_COLOR', new Written(), { FORCE_COLOR: '1' }, true],
    ['what is no terminal with an empty FORCE_COLOR', new Written(), { FORCE_COLOR: '' }, true],
    ['a terminal with FORCE_COLOR off', new Terminal(), { FORCE_COLOR: '0' }, false],
    ['a terminal that does not say', Object.assign(new Written(), { isTTY: true as const }), {}, false],
  ])('have colours, or not, on %s', (_, stream, environment, colour) => {
    expect(settingOf({ stream }, environment).colour).toBe(colour);
    expect(settingOf({ stream, colour: !colour }, environment).colour).toBe(!colour);
  });

  it('draw with ASCII on the console of Linux, which has nothing else', () => {
    expect(settingOf({}, { TERM: 'linux' }).symbols).toBe(ascii);
    expect(settingOf({}, { TERM: 'xterm' }).symbols).toBe(unicode);
  });

  it('filter by name or by a predicate', () => {
    const byName = settingOf({ filter: 'import' }, {}).filter;
    expect([byName?.(processRecord('import')), byName?.(processRecord('other'))]).toEqual([true, false]);
    const filter = () => true;
    expect(settingOf({ filter }, {}).filter).toBe(filter);
  });

  it.each([
    [{ stream: 'stderr' }, 'stream must be a writable stream, got String'],
    [{ interactive: 1 }, 'interactive must be a boolean, got 1'],
    [{ colour: 'always' }, 'colour must be a boolean, got String'],
    [{ filter: '' }, 'filter must be a non-empty string or a function, got String'],
    [{ interval: 5 }, 'interval must be a number of milliseconds from 10 to 60000, got 5'],
    [{ interval: Infinity }, 'interval must be a number of milliseconds from 10 to 60000, got Infinity'],
    [{ summary: null }, 'summary must be a boolean, got null'],
    [{ color: true }, 'color is unknown, expected stream, interactive, colour, filter, interval, summary'],
    [null, 'options must be an object, got null'],
  ])('are rejected if they are wrong: %o', (options, message) => {
    expect(() => showProgress(options as never)).toThrow(new ValidationError(message));
  });

  it('are rejected if the stream already shows progress, until that is stopped', () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
    const progress = showProgress({ stream });
    expect(() => showProgress({ stream })).toThrow(
      new ValidationError('stream already shows progress: call stop() on that display first, or pass another stream'),
    );
    progress.stop();
    showProgress({ stream })[Symbol.dispose]();
  });
});
