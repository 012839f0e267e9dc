import { Orchestrator } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { SeriesByName } from '../../src/telemetry/series.js';
import { deferred, settled } from '../support.js';
import { metricsSdk, started } from './support.js';

const active = 'orchestrator.task.active';

describe('the number of running tasks', () => {
  it('is counted on if telemetry is stopped and started again', async () => {
    const { points } = metricsSdk();
    const telemetry = await started();
    const { promise, resolve } = deferred();
    const orchestrator = new Orchestrator({ name: 'work' });
    const wait = orchestrator.action(() => promise, { name: 'wait' });
    const first = wait();
    telemetry.stop();
    expect((await points(active)).map(({ value }) => value)).toEqual([1]);
    await started();
    const second = wait();
    expect((await points(active)).map(({ value }) => value)).toEqual([2]);
    resolve();
    await Promise.all([first, second]);
    await settled();
    expect((await points(active)).map(({ value }) => value)).toEqual([0]);
  });

  it('is the sum of all tasks of a name that has no room of its own', async () => {
    const { points } = metricsSdk();
    await started();
    const { promise, resolve } = deferred();
    const orchestrator = new Orchestrator({ name: 'work' });
    const calls = Array.from({ length: 2_010 }, (_, index) =>
      orchestrator.action(() => promise, { name: `task-${index}` }),
    );
    const run = orchestrator.run(() => Promise.all(calls.map((call) => call())));
    await settled();
    const found = await points(active);
    expect(found).toHaveLength(2_000);
    const others = found.filter(({ attributes }) => attributes['otel.metric.overflow'] === true);
    expect(others.map(({ value }) => value)).toEqual([11]);
    resolve();
    await run;
    await settled();
    expect((await points(active)).every(({ value }) => value === 0)).toBe(true);
  });
});

describe('series', () => {
  const attributesOf = (name: string, process?: string) => ({ name, ...(process !== undefined && { process }) });

  it('are the same object for the same name and process, and another for another process', () => {
    const series = new SeriesByName(attributesOf);
    expect(series.of('a', 'p')).toBe(series.of('a', 'p'));
    expect(series.of('a', 'q')).not.toBe(series.of('a', 'p'));
    expect(series.of('a').attributes).toEqual({ name: 'a' });
    expect(series.of('a', 'p').completed).toEqual({ name: 'a', process: 'p', 'orchestrator.status': 'completed' });
  });

  it('keep the attributes of names that have no room of their own', () => {
    const series = new SeriesByName(attributesOf);
    for (let index = 0; index < 1_999; index++) series.of(`task-${index}`);
    expect(series.of('task-0')).toBe(series.of('task-0'));
    expect(series.of('more').attributes).toEqual({ name: 'more' });
    expect(series.of('more')).not.toBe(series.of('more'));
    expect(series.of('more').running).toBe(series.of('others').running);
  });
});
