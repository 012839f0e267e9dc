import { describe, expect, it } from 'vitest';
import { bar } from '../../src/progress/layout/bar.js';
import { frame } from '../../src/progress/layout/frame.js';
import { lineWidth, paint } from '../../src/progress/layout/line.js';
import { summary } from '../../src/progress/layout/summary.js';
import { ascii, unicode } from '../../src/progress/layout/symbols.js';
import type { Model } from '../../src/progress/model/model.js';
import type { Activity } from '../../src/progress/model/tally.js';
import { clean } from '../../src/shared/terminal-text.js';
import fc from '../properties.js';
import { completed, failed, groupRecord, modelWith, moment, processRecord, taskRecord, texts } from './support.js';

const size = { width: 100, height: 23 };

/** Returns the picture as text, with a circle for each spinner. */
function drawn(model: Model, now: number, room = size): string[] {
  return texts(frame(model, room, moment(now))).map((line) => line.replace(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/, '◌'));
}

function retryIn(delay: number, now: number, attempt = 1, most = 3) {
  return { attempt, most, due: now + delay, problem: '503 Service Unavailable' };
}

describe('the picture of the running work', () => {
  it('is empty if nothing runs', () => {
    const { model, process } = modelWith();
    expect(drawn(model, 0)).toEqual(['◌ import  0.0 s']);
    model.end(process, completed(), 1);
    expect(frame(model, { width: 0, height: 0 }, moment(0))).toEqual([]);
  });

  it('shows a process as a tree, with names, times, attempts and failures', () => {
    const { model, process } = modelWith('nightly import');
    model.end(model.begin('task', taskRecord('signIn', 1), process, 0), completed(240, 2), 240);
    model.end(model.begin('task', taskRecord('check', 2), process, 240), failed('no licence', 90), 330);
    model.begin('task', taskRecord('fetchRates', 3), process, 400);
    const group = model.begin('parallel', groupRecord({ kind: 'parallel', name: 'parallel', total: 2 }), process, 400);
    model.begin('task', taskRecord('fetchNews', 4), group, 400);
    const radar = taskRecord('fetchRadar', 5);
    model.retry(model.begin('task', radar, group, 400), retryIn(2_500, 1_000));
    expect(drawn(model, 1_000)).toEqual([
      '◌ nightly import   1.0 s',
      '├ ✓ signIn        240 ms  3 attempts',
      '├ ✗ check          90 ms  no licence',
      '├ ◌ fetchRates     0.6 s',
      '└ ◌ parallel       0.6 s  0 of 2',
      '  ├ ◌ fetchNews    0.6 s',
      '  └ ↻ fetchRadar   0.6 s  attempt 2 of 3 in 3 s · 503 Service Unavailable',
    ]);
    radar.attempts = 2;
    expect(drawn(model, 3_600).at(-1)).toBe('  └ ◌ fetchRadar   3.2 s  attempt 2 of 3 · after 503 Service Unavailable');
  });

  it('shows that a task waits for a place of its limit', () => {
    const { model, process } = modelWith();
    const record = taskRecord('ask');
    const task = model.begin('task', record, process, 0);
    record.isWaiting = true;
    expect(drawn(model, 1_000).at(-1)).toBe('└ ◌ ask   1.0 s  waits for a place');
    model.retry(task, retryIn(100, 500));
    expect(drawn(model, 1_000).at(-1)).toBe('└ ↻ ask   1.0 s  attempt 2 of 3 · waits for a place');
    record.isWaiting = false;
    expect(drawn(model, 1_000).at(-1)).not.toContain('waits');
  });

  it('turns the spinner with time', () => {
    const { model } = modelWith();
    expect([0, 79, 80, 160, 800].map((now) => texts(frame(model, size, moment(now)))[0]?.[0])).toEqual([
      '⠋',
      '⠋',
      '⠙',
      '⠹',
      '⠋',
    ]);
  });

  it('counts down to the next attempt, without a maximum if there is none', () => {
    const { model, process } = modelWith();
    model.retry(model.begin('task', taskRecord('poll'), process, 0), retryIn(5_000, 0, 4, Infinity));
    expect([0, 1_000, 4_100, 9_000].map((now) => /attempt.+? s/.exec(drawn(model, now)[1] ?? '')?.[0])).toEqual([
      'attempt 5 in 5 s',
      'attempt 5 in 4 s',
      'attempt 5 in 0.9 s',
      'attempt 5 in 0.1 s',
    ]);
  });

  it('shows a map as a bar, with failures, rate and remaining time', () => {
    const { model, process } = modelWith();
    const record = groupRecord({ total: 5_000 });
    const map = model.begin('map', record, process, 0);
    expect(drawn(model, 100)[1]).toBe('└ ◌ map fetchUser  0.1 s  ────────────────────────  0/5,000 · 0 %');
    for (let now = 100; now <= 10_000; now += 100) {
      record.settled += 20;
      model.tick(now);
    }
    record.failed = 3;
    expect(drawn(model, 10_000)[1]).toMatch(
      /^└ ◌ map fetchUser {2}10\.0 s {2}━{6}─{10} {2}2,000\/5,000 · 40 % · 3 failed · \d+\/s · 1\d s left$/,
    );
    model.end(map, completed(10_000), 10_000);
    expect(drawn(model, 10_000)[1]).toBe('└ ✓ map fetchUser  10.0 s  2,000/5,000 · 3 failed');
  });

  it('shows each like a map, and any with its number of actions and failures', () => {
    const { model, process } = modelWith();
    const each = model.begin('each', groupRecord({ kind: 'each', total: 10, settled: 5 }), process, 0);
    const any = model.begin(
      'any',
      groupRecord({ kind: 'any', name: 'quote', total: 3, settled: 1, failed: 1 }),
      process,
      0,
    );
    expect(drawn(model, 100).slice(1)).toEqual([
      '├ ◌ each fetchUser  0.1 s  ━━━━━━━━━━━━────────────  5/10 · 50 %',
      '└ ◌ quote           0.1 s  3 actions · 1 failed',
    ]);
    model.end(each, completed(200), 200);
    model.end(any, completed(200), 200);
    expect(drawn(model, 200).slice(1)).toEqual([
      '├ ✓ each fetchUser  200 ms  5/10',
      '└ ✓ quote           200 ms  3 actions · 1 failed',
    ]);
  });

  it('shows a map without a bar while its number of items is unknown', () => {
    const { model, process } = modelWith();
    const record = groupRecord({ total: undefined });
    model.begin('map', record, process, 0);
    record.settled = 40;
    model.tick(2_000);
    expect(drawn(model, 2_000)[1]).toBe('└ ◌ map fetchUser  2.0 s  40 done · 24/s');
  });

  it('shows several running maps of one name as one', () => {
    const { model, process } = modelWith();
    for (const settled of [4, 6]) model.begin('map', groupRecord({ settled, total: 10 }), process, 0);
    expect(drawn(model, 0)[1]).toContain('10/20 · 50 %');
    for (let more = 0; more < 150; more++) model.begin('map', groupRecord(), process, 0);
    expect(drawn(model, 0)[1]).toContain('10/1,000 · 1 %');
  });

  it('shows items of a map in rows of their own if they are slow or being retried', () => {
    const { model, process } = modelWith();
    const map = model.begin('map', groupRecord({ total: 40 }), process, 0);
    const tasks = Array.from({ length: 20 }, (_, index) => {
      return model.begin('task', taskRecord('fetchUser', index + 1), map, index < 2 ? 0 : 1_500);
    });
    model.retry(tasks[7] as Activity, retryIn(1_000, 2_000));
    expect(drawn(model, 2_000).slice(2)).toEqual([
      '  ├ ◌ #1           2.0 s',
      '  ├ ◌ #2           2.0 s',
      '  └ ↻ #8           0.5 s  attempt 2 of 3 in 1 s · 503 Service Unavailable',
    ]);
  });

  it('counts tasks of one name', () => {
    const { model, process } = modelWith();
    for (let number = 1; number <= 12; number++) {
      const task = model.begin('task', taskRecord('readStation', number), process, number * 100);
      if (number > 10) continue;
      const end =
        number === 3 ? failed('502') : number === 4 ? ({ ...failed(), status: 'cancelled' } as const) : completed();
      model.end(task, end, number * 100 + 50);
    }
    expect(drawn(model, 1_500)[1]).toBe(
      '└ ◌ readStation ×12         2 running · 10 done · 1 failed · 1 cancelled · 6.9/s · 100 ms each · 502',
    );
  });

  it('says what the only running task of its name waits for', () => {
    const { model, process } = modelWith();
    model.end(model.begin('task', taskRecord('read', 1), process, 0), completed(), 100);
    model.retry(model.begin('task', taskRecord('read', 2), process, 100), retryIn(900, 100));
    expect(drawn(model, 100)[1]).toBe(
      '└ ↻ read ×2  0.0 s  1 running · 1 done · attempt 2 of 3 in 0.9 s · 503 Service Unavailable',
    );
  });

  it('shows an ended process as one line, without its contents', () => {
    const { model, process } = modelWith();
    const sub = model.begin('process', processRecord('sub', 'q'), process, 0);
    for (const end of [completed(), failed('503', 10, 2), { ...completed(), status: 'cancelled' as const }]) {
      model.end(model.begin('task', taskRecord('inner'), sub, 0), end, 10);
    }
    model.end(sub, failed('it broke', 1_300), 1_300);
    expect(drawn(model, 1_300)[1]).toBe('└ ✗ sub   1.3 s  3 tasks · 1 failed · 1 cancelled · 2 retries · it broke');
  });

  it('marks cancelled work', () => {
    const { model, process } = modelWith();
    model.end(model.begin('task', taskRecord('dawdle'), process, 0), { ...failed(), status: 'cancelled' }, 10);
    expect(drawn(model, 10)[1]).toBe('└ ■ dawdle  100 ms  cancelled');
  });

  it('keeps the contents of an ended task visible while some of them are running', () => {
    const { model, process } = modelWith();
    model.begin('task', taskRecord('unawaited'), process, 0);
    model.end(process, completed(100), 100);
    expect(drawn(model, 200)).toEqual(['◌ import       100 ms', '└ ◌ unawaited   0.2 s']);
  });

  it('shows the tasks that ended last, before them those that failed, and counts the rest', () => {
    const { model, process } = modelWith();
    for (let number = 1; number <= 30; number++) {
      const task = model.begin('task', taskRecord(`step${number}`, number), process, number);
      model.end(task, number === 5 ? failed('no', 10) : completed(10), number);
    }
    model.begin('task', taskRecord('last'), process, 31);
    expect(drawn(model, 31)).toEqual([
      '◌ import           0.0 s',
      '├ ⋯ 21 more ended',
      '├ ✗ step5          10 ms  no',
      ...[23, 24, 25, 26, 27, 28, 29, 30].map((number) => `├ ✓ step${number}         10 ms`),
      '└ ◌ last           0.0 s',
    ]);
    expect(drawn(model, 31, { width: 80, height: 3 })).toEqual([
      '◌ import     0.0 s',
      '├ ⋯ 30 more         1 under way · 29 ended',
      '└ ✗ step5    10 ms  no',
    ]);
  });

  it('says that there is more if not all of the running work fits', () => {
    const { model, process } = modelWith();
    for (let number = 1; number <= 30; number++) model.begin('task', taskRecord(`step${number}`, number), process, 0);
    const lines = drawn(model, 0, { width: 80, height: 5 });
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toBe('└ ⋯ 27 more under way');
  });

  it('shows failures with their messages, however much succeeds beside them', () => {
    const { model, process } = modelWith();
    for (let number = 1; number <= 60; number++) {
      const task = model.begin('task', taskRecord(`station ${number}`, number), process, 0);
      if (number === 40) model.end(task, failed('503, station restarts', 10), 10);
    }
    const lines = drawn(model, 20, { width: 80, height: 24 });
    expect(lines).toHaveLength(24);
    expect(lines.filter((line) => line.includes('station 40'))).toEqual([
      expect.stringMatching(/✗ station 40 +10 ms {2}503, station restarts/),
    ]);
  });

  it('shows failures even if there are many, and under more names than are distinguished', () => {
    const { model, process } = modelWith();
    const first = model.begin('task', taskRecord('first', 1), process, 0);
    model.end(first, failed('no', 10), 10);
    for (let number = 2; number <= 200; number++) {
      const task = model.begin('task', taskRecord(`station ${number}`, number), process, 0);
      model.end(task, completed(10), 10);
    }
    expect(drawn(model, 20, { width: 80, height: 10 }).join()).toMatch(/✗ first +10 ms {2}no/);
    const many = modelWith();
    for (let number = 1; number <= 50; number++) {
      const task = many.model.begin('task', taskRecord(`station ${number}`, number), many.process, 0);
      many.model.end(task, failed(`reason ${number}`, 10), number);
    }
    const lines = drawn(many.model, 60, { width: 80, height: 10 });
    expect(lines.length).toBeLessThanOrEqual(10);
    expect(lines.join()).toContain('reason 50');
    expect(lines.join()).toMatch(/\d+ more ended +\d+ of them failed/);
  });

  it('keeps room for a bar beside a parallel call of many actions', () => {
    const { model, process } = modelWith();
    const parallel = model.begin(
      'parallel',
      groupRecord({ kind: 'parallel', name: 'parallel', total: 40 }),
      process,
      0,
    );
    for (let number = 1; number <= 40; number++) {
      model.begin('task', taskRecord(`step ${number}`, number), parallel, 0);
    }
    model.begin('map', groupRecord({ kind: 'map', name: 'fetchUser', total: 100, settled: 25 }), process, 0);
    const lines = drawn(model, 20, { width: 80, height: 24 });
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.join('\n')).toMatch(/map fetchUser .*━.* 25\/100/);
    expect(lines.join('\n')).toMatch(/⋯ \d+ more under way/);
  });

  it('sums up in one line what a parallel call does in each item of a map', () => {
    const { model, process } = modelWith();
    const map = model.begin('map', groupRecord({ kind: 'map', name: 'load', total: 3 }), process, 0);
    for (let number = 1; number <= 3; number++) {
      const item = model.begin('task', taskRecord('load', number), map, number * 10);
      const parallel = model.begin(
        'parallel',
        groupRecord({ kind: 'parallel', name: 'parallel', total: 2 }),
        item,
        number * 10,
      );
      model.end(parallel, completed(5), number * 10 + 5);
      if (number < 3) model.end(item, completed(5), number * 10 + 5);
    }
    expect(drawn(model, 40).filter((line) => line.includes('parallel'))).toHaveLength(1);
  });

  it('counts tasks without room for their names as others', () => {
    const { model, process } = modelWith();
    for (let number = 0; number < 70; number++) model.begin('task', taskRecord(`n${number}`), process, 0);
    expect(drawn(model, 1, { width: 80, height: 100 }).at(-1)).toBe('└ ◌ others ×6         6 running');
  });

  it('stops the spinner in the last picture', () => {
    const { model, process } = modelWith();
    model.begin('task', taskRecord('endless'), process, 0);
    expect(texts(frame(model, size, { ...moment(100), isLast: true }))).toEqual([
      '■ import     0.1 s',
      '└ ■ endless  0.1 s',
    ]);
  });

  it('is drawn with ASCII on terminals without Unicode', () => {
    const { model, process } = modelWith();
    model.begin('map', groupRecord({ settled: 5 }), process, 0);
    model.end(model.begin('task', taskRecord('read'), process, 0), failed('no', 10), 10);
    expect(texts(frame(model, size, { symbols: ascii, now: 0 }))).toEqual([
      '- import           0.0 s',
      '|-- map fetchUser  0.0 s  ============------------  5/10, 50 %',
      '`-x read           10 ms  no',
    ]);
  });

  it('colours success, failure, attention, running and secondary texts', () => {
    const { model, process } = modelWith();
    model.end(model.begin('task', taskRecord('good'), process, 0), completed(), 0);
    model.end(model.begin('task', taskRecord('bad'), process, 0), failed('no'), 0);
    model.retry(model.begin('task', taskRecord('again'), process, 0), retryIn(1_000, 0));
    const lines = frame(model, size, moment(0)).map((line) => paint(line, true));
    expect(lines[0]).toContain('\u001b[36m⠋\u001b[39m \u001b[1mimport\u001b[22m');
    expect(lines[1]).toContain('\u001b[32m✓\u001b[39m good');
    expect(lines[2]).toContain('\u001b[31m✗\u001b[39m bad');
    expect(lines[2]).toContain('\u001b[31mno\u001b[39m');
    expect(lines[3]).toContain('\u001b[33m↻\u001b[39m again');
  });

  it('shows hostile names as plain text, cuts long ones, aligns wide ones', () => {
    const { model, process } = modelWith('\u001b[2Jimport\n\u202e');
    model.begin('task', taskRecord('\u001b[31m'), process, 0);
    model.begin('task', taskRecord('漢字 ✨'), process, 0);
    model.begin('task', taskRecord('x'.repeat(5_000)), process, 0);
    expect(drawn(model, 0, { width: 60, height: 10 })).toEqual([
      '◌ import                  0.0 s',
      '├ ◌ unnamed               0.0 s',
      '├ ◌ 漢字 ✨               0.0 s',
      '└ ◌ xxxxxxxxxxxxxxxxxxx…  0.0 s',
    ]);
  });
});

/** Arbitrary events for a model. */
const anything = fc.array(
  fc.record({
    kind: fc.constantFrom(...(['process', 'task', 'parallel', 'map', 'any', 'each'] as const)),
    name: fc.oneof(fc.constantFrom('a', '漢字漢字', '👨‍👩‍👧'), fc.string({ unit: 'binary', maxLength: 60 })),
    inside: fc.nat(20),
    total: fc.option(fc.nat(30), { nil: undefined }),
    settled: fc.nat(40),
    next: fc.constantFrom('goes on', 'succeeds', 'fails', 'is retried'),
  }),
  { maxLength: 120 },
);

function modelOf(steps: typeof anything extends fc.Arbitrary<infer Steps> ? Steps : never): Model {
  const { model, process } = modelWith();
  const live: Activity[] = [process];
  for (const [now, { kind, name, inside, total, settled, next }] of steps.entries()) {
    const record =
      kind === 'process'
        ? processRecord(name, String(now))
        : kind === 'task'
          ? taskRecord(name, now)
          : groupRecord({ kind, name, total, settled, failed: settled >> 2 });
    const activity = model.begin(kind, record, live[inside], now * 50);
    if (next === 'succeeds') model.end(activity, completed(), now * 60);
    else if (next === 'fails') model.end(activity, failed(clean(name)), now * 60);
    else live.push(activity);
    if (next === 'is retried' && kind === 'task') model.retry(activity, { ...retryIn(500, now), problem: clean(name) });
  }
  model.tick(steps.length * 60);
  return model;
}

describe('for any events', () => {
  it('the picture never has too many lines, and none is too wide', () => {
    fc.assert(
      fc.property(anything, fc.nat(130), fc.nat(40), (steps, width, height) => {
        const lines = frame(modelOf(steps), { width, height }, moment(steps.length * 70));
        expect(lines.length).toBeLessThanOrEqual(height);
        expect(Math.max(0, ...lines.map(lineWidth))).toBeLessThanOrEqual(width);
        expect(lines.map((line) => paint(line, false)).join('')).toMatch(/^\P{Cc}*$/u);
      }),
    );
  });

  it('the summary is never too wide or too long', () => {
    fc.assert(
      fc.property(anything, fc.nat(130), (steps, width) => {
        const lines = summary(modelOf(steps), { width, symbols: unicode, now: steps.length * 70 });
        expect(lines.length).toBeLessThanOrEqual(12 * 33 + 1);
        expect(Math.max(0, ...lines.map(lineWidth))).toBeLessThanOrEqual(width);
        expect(lines.map((line) => paint(line, false)).join('')).toMatch(/^\P{Cc}*$/u);
      }),
    );
  });

  it('a bar has exactly its width', () => {
    const items = fc.record({
      settled: fc.nat(100),
      failed: fc.nat(100),
      total: fc.option(fc.nat(100), { nil: undefined }),
    });
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 40 }), (given, width) => {
        const failures = Math.min(given.failed, given.settled);
        const line = bar({ ...given, failed: failures }, width, unicode);
        expect(lineWidth(line)).toBe(width);
        const isFull = given.total !== undefined && given.total > 0 && given.settled >= given.total;
        expect(paint(line, false).includes('─')).toBe(!isFull && !/^━*╸$/.test(paint(line, false)));
      }),
    );
  });
});

describe('the summary', () => {
  it('shows the outcome of each process, and its tasks by name', () => {
    const { model, process } = modelWith('nightly import');
    model.end(model.begin('task', taskRecord('signIn'), process, 0), completed(240), 240);
    for (let number = 1; number <= 1_000; number++) {
      const task = model.begin('task', taskRecord('fetchUser', number), process, 300);
      model.end(task, number === 7 ? failed('503 Service Unavailable', 2_100, 2) : completed(98), 400);
    }
    model.end(process, completed(12_400), 12_400);
    expect(texts(summary(model, { width: 100, symbols: unicode, now: 12_400 }))).toEqual([
      '✓ nightly import  12.4 s · 1,001 tasks · 1 failed · 2 retries',
      '    task       calls  failed  retries       total  average  slowest  last failure',
      '    signIn         1                       240 ms   240 ms   240 ms',
      '    fetchUser  1,000       1        2  1 min 40 s   100 ms    2.1 s  503 Service Unavailable',
    ]);
  });

  it('keeps failures in a narrow terminal, and drops less important columns', () => {
    const { model, process } = modelWith('import');
    model.end(model.begin('task', taskRecord('fetchUser'), process, 0), failed('503 Service Unavailable', 100, 2), 100);
    const narrow = (width: number) => texts(summary(model, { width, symbols: unicode, now: 100 })).slice(1);
    expect(narrow(100)[0]).toBe('    task       calls  failed  retries   total  average  slowest  last failure');
    expect(narrow(90)[0]).toBe('    task       calls  failed  retries   total  average  slowest  last failure');
    expect(narrow(80)[0]).toBe('    task       calls  failed  retries   total  slowest  last failure');
    expect(narrow(59)).toEqual([
      '    task       calls  failed  retries  last failure',
      '    fetchUser      1       1        2  503 Service Unavail…',
    ]);
    expect(narrow(50)).toEqual([
      '    task       failed  retries  last failure',
      '    fetchUser       1        2  503 Service Unava…',
    ]);
  });

  it('shortens a long name if the columns beside it would not fit', () => {
    const { model, process } = modelWith('import');
    model.end(model.begin('task', taskRecord('a'.repeat(70)), process, 0), failed('503', 100), 100);
    expect(texts(summary(model, { width: 59, symbols: unicode, now: 100 })).at(-1)).toMatch(
      /^ {4}a{20,}… {2}.*1 {2}503$/,
    );
  });

  it('counts the retries of unfinished tasks, including announced ones', () => {
    const { model, process } = modelWith('import');
    const task = model.begin('task', taskRecord('fetchUser'), process, 0);
    model.retry(task, { attempt: 2, most: 4, due: 9_000, problem: '503' });
    expect(texts(summary(model, { width: 100, symbols: unicode, now: 3_200 }))).toEqual([
      '■ import  not finished after 3.2 s · 2 retries',
      '    task       calls  unfinished  retries  last failure',
      '    fetchUser      1           1        2  503',
    ]);
  });

  it('does not repeat the error of the line above', () => {
    const { model, process } = modelWith('import');
    model.end(process, failed('503'), 100);
    const at = { width: 100, symbols: unicode, now: 100 };
    expect(texts(summary(model, { ...at, toldProblem: '503' }))).toEqual(['✗ import  100 ms']);
    expect(texts(summary(model, { ...at, toldProblem: '404' }))).toEqual(['✗ import  100 ms · 503']);
  });

  it('sums up processes that have run often', () => {
    const { model, process } = modelWith('request');
    model.end(process, completed(100), 100);
    const [one, other] = [1, 2].map((id) => model.begin('process', processRecord('request', `${id}`), undefined, 100));
    model.end(one as Activity, failed('no', 300), 400);
    model.end(other as Activity, { ...failed(), status: 'cancelled' }, 400);
    model.begin('process', processRecord('request', '3'), undefined, 400);
    expect(texts(summary(model, { width: 100, symbols: unicode, now: 500 }))).toEqual([
      '✗ request  4 runs · 167 ms each · 1 failed · 1 cancelled · 1 not finished · no',
    ]);
  });

  it('shows unfinished and cancelled work', () => {
    const { model, process } = modelWith();
    model.begin('task', taskRecord('dawdle'), process, 0);
    expect(texts(summary(model, { width: 100, symbols: unicode, now: 3_200 }))).toEqual([
      '■ import  not finished after 3.2 s',
      '    task    calls  unfinished',
      '    dawdle      1           1',
    ]);
    model.end(process, { ...failed(), status: 'cancelled' }, 3_300);
    expect(texts(summary(model, { width: 100, symbols: unicode, now: 3_300 }))[0]).toBe('■ import  100 ms · cancelled');
  });

  it('shows tasks of processes that began earlier', () => {
    const { model, process } = modelWith();
    model.end(process, completed(), 1);
    model.end(model.begin('task', taskRecord('late'), undefined, 1), completed(10), 2);
    expect(texts(summary(model, { width: 100, symbols: unicode, now: 2 })).slice(1)).toEqual([
      '✓ processes that began earlier  1 task',
      '    task  calls  total  average  slowest',
      '    late      1  10 ms    10 ms    10 ms',
    ]);
  });

  it('counts names if there are too many', () => {
    const { model, process } = modelWith();
    for (let number = 0; number < 40; number++) {
      model.end(model.begin('task', taskRecord(`n${number}`), process, 0), completed(), 0);
      model.end(model.begin('process', processRecord(`p${number}`, `${number}`), undefined, 0), completed(), 0);
    }
    const lines = texts(summary(model, { width: 100, symbols: unicode, now: 1 }));
    expect(lines).toContain('    and tasks of 10 more names');
    expect(lines.at(-1)).toBe('and processes of 29 more names');
  });
});
