import { Orchestrator } from 'orchestrator';
import { memoryJournal } from 'orchestrator/durable';
import { showProgress } from 'orchestrator/progress';
import { describe, expect, it } from 'vitest';
import { frame } from '../../src/progress/layout/frame.js';
import { summary } from '../../src/progress/layout/summary.js';
import { Model } from '../../src/progress/model/model.js';
import { watch } from '../../src/progress/watch.js';
import { deferred, rejection } from '../support.js';
import { moment, texts, until, Written } from './support.js';

/** A run of three tasks that is aborted after two, so that its next life replays these. */
async function interrupted() {
  const orchestrator = new Orchestrator({ name: 'import' });
  const journal = memoryJournal();
  const stop = new AbortController();
  const [third, reached] = [deferred(), deferred()];
  const work = orchestrator.action('work', async (n: number) => {
    if (n < 3) return;
    reached.resolve();
    await third.promise;
  });
  const script = async () => {
    for (const n of [1, 2, 3]) await work(n);
  };
  const live = (signal?: AbortSignal) => orchestrator.run(script, { id: 'run', journal, signal });
  const first = rejection(live(stop.signal));
  await reached.promise;
  stop.abort(new Error('stop'));
  await first;
  return { live, third };
}

describe('outcomes that a durable run takes from its journal', () => {
  it('are counted in the line of the process', async () => {
    const { live, third } = await interrupted();
    third.resolve();
    const stream = new Written();
    const progress = showProgress({ stream, interactive: false });
    await live();
    progress.stop();
    expect(stream.lines.at(-1)).toMatch(/✓ import {2}[\d.]+ m?s, 1 task, 2 replayed$/);
  });

  it('are counted in the picture and in the summary, also while the process runs', async () => {
    const { live, third } = await interrupted();
    const model = new Model(performance.now());
    const stop = watch(model);
    const life = live();
    await until(() => model.root.inner[0]?.inner.length === 1);
    const picture = () => texts(frame(model, { width: 80, height: 10 }, moment(performance.now()))).join('\n');
    const summed = () => texts(summary(model, { width: 80, ...moment(performance.now()) })).join('\n');
    expect([picture(), summed()]).toEqual([
      expect.stringContaining('2 replayed'),
      expect.stringContaining('2 replayed'),
    ]);
    third.resolve();
    await life;
    stop();
    expect([picture(), summed()]).toEqual([
      expect.stringContaining('2 replayed'),
      expect.stringContaining('2 replayed'),
    ]);
  });
});
