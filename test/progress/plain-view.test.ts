import { Orchestrator } from 'orchestrator';
import { showProgress } from 'orchestrator/progress';
import { describe, expect, it } from 'vitest';
import { settingOf } from '../../src/progress/options.js';
import { Output } from '../../src/progress/view/output.js';
import { PlainView } from '../../src/progress/view/plain-view.js';
import { failing, rejection, settled } from '../support.js';
import { completed, failed, groupRecord, modelWith, processRecord, taskRecord, until, Written } from './support.js';

/** Returns the lines without their times. */
const untimed = (lines: readonly string[]) =>
  lines.map((line) => line.replace(/^ *[\d.]+ (s|h|min)( \d\d (s|min))? {2}/, ''));
const unmeasured = (lines: readonly string[]) =>
  untimed(lines).map((line) => line.replace(/(\d+ min )?[\d.]+ m?s\b/g, '…'));

function plainly() {
  const stream = new Written();
  const { model, process } = modelWith();
  const view = new PlainView(model, settingOf({ stream }, {}), new Output(stream));
  model.listener = view;
  return { stream, model, process, view };
}

describe('plain lines', () => {
  it('report how each process, task and group begins, is retried, and ends', async () => {
    const stream = new Written();
    const progress = showProgress({ stream, summary: false, interval: 60_000 });
    const orchestrator = new Orchestrator({ name: 'nightly import', retry: { retries: 1, minTimeout: 1 } });
    const signIn = orchestrator.action(() => 1, { name: 'signIn' });
    const flaky = orchestrator.action(failing(1, 'done', () => new Error('503')));
    const broken = orchestrator.action(() => Promise.reject(new TypeError('broken')), { name: 'broken' });
    await rejection(
      orchestrator.run(async () => {
        await signIn();
        await flaky();
        await orchestrator.parallel([signIn, broken])();
      }),
    );
    const lines = unmeasured(stream.lines);
    progress.stop();
    expect(lines).toEqual([
      '▸ nightly import  begins',
      '▸ nightly import › signIn  begins',
      '✓ nightly import › signIn  …',
      '▸ nightly import › flaky  begins',
      '↻ nightly import › flaky  attempt 2 of 2 in …, 503',
      '✓ nightly import › flaky  …, 2 attempts',
      '▸ nightly import › parallel  begins',
      '▸ nightly import › signIn  begins',
      '▸ nightly import › broken  begins',
      '✓ nightly import › signIn  …',
      '✗ nightly import › broken  …, broken',
      '✗ nightly import › parallel  …, 2 of 2, 1 failed, 1 of 2 parallel actions failed: item 1: broken',
      '✗ nightly import  …, 4 tasks, 1 failed, 1 retry',
    ]);
  });

  it('report the progress of a map, and not each of its items unless it fails', () => {
    const { stream, model, process, view } = plainly();
    const record = groupRecord({ total: 5_000 });
    const map = model.begin('map', record, process, 0);
    for (let now = 1_000; now <= 5_000; now += 1_000) {
      for (let number = 0; number < 240; number++) {
        const task = model.begin('task', taskRecord('fetchUser', number), map, now);
        model.end(task, number === 0 && now === 1_000 ? failed('503') : completed(), now);
        record.settled++;
      }
      record.failed = 1;
      model.tick(now);
      view.tick(now);
    }
    expect(untimed(stream.lines).map((line) => line.replace(/\d+\/s, \d+ s/, '…'))).toEqual([
      '▸ import › map fetchUser  begins',
      '✗ import › fetchUser  100 ms, 503',
      '⋯ import › map fetchUser  240/5,000, 4 %, 1 failed, … left',
      '⋯ import › map fetchUser  480/5,000, 9 %, 1 failed, … left',
      '⋯ import › map fetchUser  720/5,000, 14 %, 1 failed, … left',
      '⋯ import › map fetchUser  960/5,000, 19 %, 1 failed, … left',
      '⋯ import › map fetchUser  1,200/5,000, 24 %, 1 failed, … left',
    ]);
  });

  it('are few, however long the program runs: for an endless loop their number grows as the logarithm of time', () => {
    const { stream, model, process, view } = plainly();
    const day = 24 * 3_600_000;
    for (let now = 0; now <= day; now += 500) {
      const task = model.begin('task', taskRecord('read', now), process, now);
      model.end(task, now % 3_000 === 0 ? failed('no') : completed(), now);
      view.tick(now);
    }
    expect(stream.lines.length).toBeGreaterThan(50);
    expect(stream.lines.length).toBeLessThan(200);
    expect(untimed(stream.lines).at(-1)).toMatch(/^⋯ import › read {2}1\d\d,\d{3} done, \d+,\d{3} failed, 100 ms each/);
  });

  it('are few if no name is repeated', () => {
    const { stream, model, view } = plainly();
    for (let now = 0; now < 20_000; now++) {
      const process = model.begin('process', processRecord(`order ${now}`, `${now}`), undefined, now);
      model.end(process, completed(), now);
      if (now % 1_000 === 0) view.tick(now);
    }
    expect(stream.lines.length).toBeLessThan(1_100);
  });

  it('report cancelled work', async () => {
    const stream = new Written();
    const progress = showProgress({ stream, summary: false, interval: 60_000 });
    const controller = new AbortController();
    const orchestrator = new Orchestrator({ name: 'job' });
    const dawdle = orchestrator.action(() => new Promise(() => {}), { name: 'dawdle' });
    const pending = rejection(orchestrator.run(() => dawdle(), { signal: controller.signal }));
    await settled();
    controller.abort(new Error('enough'));
    await pending;
    progress.stop();
    expect(unmeasured(stream.lines).slice(2, 4)).toEqual([
      '■ job › dawdle  …, cancelled, enough',
      '■ job  …, 1 task, 1 cancelled',
    ]);
  });

  it('report an error once, and leave out a summary that would only repeat a few lines', async () => {
    for (const steps of [0, 3]) {
      const stream = new Written();
      const progress = showProgress({ stream, interval: 60_000 });
      const orchestrator = new Orchestrator({ name: 'job' });
      const step = orchestrator.action(() => 1, { name: 'step' });
      const broken = orchestrator.action(() => Promise.reject(new Error('503')), { name: 'broken' });
      await rejection(
        orchestrator.run(async () => {
          for (let number = 0; number < steps; number++) await step();
          await broken();
        }),
      );
      progress.stop();
      const lines = unmeasured(stream.lines);
      expect(lines).toContain('✗ job › broken  …, 503');
      expect(lines).toContain(steps === 0 ? '✗ job  …, 1 task, 1 failed' : '✗ job  …, 4 tasks, 1 failed');
      // The summary's table shows the error with its task.
      expect(stream.text.split('503')).toHaveLength(steps === 0 ? 2 : 3);
      expect(lines.includes('✗ job  … · 4 tasks · 1 failed')).toBe(steps > 0);
    }
  });

  it('count the retry that a cancelled task was waiting for', async () => {
    const stream = new Written();
    const progress = showProgress({ stream, interval: 60_000 });
    const controller = new AbortController();
    const orchestrator = new Orchestrator({ name: 'job', retry: { retries: 3, minTimeout: 60_000 } });
    const broken = orchestrator.action(() => Promise.reject(new Error('503')), { name: 'broken' });
    const pending = rejection(orchestrator.run(() => broken(), { signal: controller.signal }));
    await until(() => stream.text.includes('attempt 2 of 4'));
    controller.abort(new Error('enough'));
    await pending;
    progress.stop();
    expect(unmeasured(stream.lines).slice(-2)).toEqual([
      '■ job › broken  …, 1 retry, cancelled, enough',
      '■ job  …, 1 task, 1 cancelled, 1 retry',
    ]);
  });

  it('end with the state if no summary is wanted, else with a summary', async () => {
    for (const summary of [false, true]) {
      const stream = new Written();
      const progress = showProgress({ stream, summary, interval: 60_000 });
      const orchestrator = new Orchestrator({ name: 'job' });
      const act = orchestrator.action(() => 1, { name: 'act' });
      await orchestrator.run(() => Promise.all([act(), act(), act(), act()]));
      const before = stream.lines.length;
      progress.stop();
      progress.stop();
      const added = unmeasured(stream.lines.slice(before)).map((line) => line.replace(/ +/g, ' '));
      const expected = summary
        ? ['', '✓ job … · 4 tasks', ' task calls total average slowest', ' act 4 … … …']
        : ['✓ job … 4 tasks'];
      expect(added).toEqual(expected);
    }
  });

  it('are coloured only if colours are wanted', async () => {
    for (const colour of [true, false]) {
      const stream = new Written();
      const progress = showProgress({ stream, colour });
      await new Orchestrator().action(() => 1, { name: 'act' })();
      progress.stop();
      expect(stream.text.includes('\u001b')).toBe(colour);
    }
  });

  it('report progress while time passes', async () => {
    const stream = new Written();
    const progress = showProgress({ stream, interval: 10 });
    const orchestrator = new Orchestrator();
    await orchestrator.run(async () => {
      await orchestrator.map([1, 2, 3], async (item) => {
        if (item < 3) return;
        await until(() => stream.text.includes('2/3'));
      });
    });
    progress.stop();
    expect(stream.text).toContain('⋯ orchestrator › map anonymous  2/3, 66 %');
  });

  it('do no harm if their reader has gone', async () => {
    const stream = new Written();
    const progress = showProgress({ stream, interval: 10 });
    stream.destroy(new Error('EPIPE'));
    const orchestrator = new Orchestrator();
    await orchestrator.action(() => settled())();
    progress.stop();
    const other = new Written();
    const another = showProgress({ stream: other });
    other.emit('error', new Error('EIO'));
    await orchestrator.action(() => settled())();
    another.stop();
    expect(other.text).toBe('');
    expect(other.listenerCount('error')).toBe(0);
  });
});
