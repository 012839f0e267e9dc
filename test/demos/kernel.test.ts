import { tracingChannel } from 'node:diagnostics_channel';
import { stripVTControlCharacters } from 'node:util';
import { type TaskRecord, TimeoutError } from 'orchestrator';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { drawTasks, sumUp, type TaskTrace } from '../../examples/demo/report.js';
import { HttpError, makeBulletin, type Summary } from '../../examples/demo/scenario.js';
import { startWeatherServer, type WeatherServer } from '../../examples/demo/server.js';

/**
 * Milliseconds per attempt: more than any answer takes on a slow machine, because only the hung request must be cut
 * off.
 */
const patience = 10_000;
const log: string[] = [];
const recorded: TaskRecord[] = [];
const channel = tracingChannel<TaskRecord>('orchestrator:task');

let server: WeatherServer;
let summary: Summary;
let printed: unknown[];

beforeAll(async () => {
  const outputs = [
    ...[process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write')),
    ...(['log', 'info', 'warn', 'error', 'debug'] as const).map((method) => vi.spyOn(console, method)),
  ];
  channel.asyncEnd.subscribe(record);
  server = await startWeatherServer();
  summary = await makeBulletin(server.url, (line) => log.push(stripVTControlCharacters(line)), patience);
  // Waits until the server has seen both connections close. If one stays open, this never ends.
  await server.quiet();
  printed = outputs.flatMap(({ mock }) => mock.calls);
  for (const output of outputs) output.mockRestore();
});

afterAll(async () => {
  channel.asyncEnd.unsubscribe(record);
  await server.stop();
});

function record(message: unknown): void {
  recorded.push(message as TaskRecord);
}

function task(label: string): TaskTrace {
  const found = summary.tasks.filter((trace) => trace.label === label);
  expect(found, label).toHaveLength(1);
  return found[0] as TaskTrace;
}

function errorsOf(label: string): unknown[] {
  return task(label).attempts.map(({ error }) => error);
}

function exchangesOf(request: string): object[] {
  return server.exchanges.filter((exchange) => exchange.request === request);
}

describe('the weather server', () => {
  it('answers 401 without the key', async () => {
    const another = await startWeatherServer();
    try {
      const response = await fetch(`${another.url}/stations`, { headers: { authorization: 'Bearer undefined' } });
      expect(response.status).toBe(401);
    } finally {
      await another.stop();
    }
  });
});

describe('the demo', () => {
  it('puts the bulletin together and publishes it', () => {
    expect(summary.bulletin).toEqual({
      calmest: 'dunes, 12 knots',
      windiest: 'lighthouse, 31 knots',
      forecast: 'gale by noon',
      pictures: 'none (502, radar is down)',
    });
    expect(server.bulletins).toEqual([summary.bulletin]);
  });

  it('retries only failed requests', () => {
    const retried = summary.tasks.filter(({ attempts }) => attempts.length > 1);
    expect(Object.fromEntries(retried.map(({ label, attempts }) => [label, attempts.length]))).toEqual({
      'readStation pier': 3,
      'readStation dunes': 2,
      fetchForecast: 2,
      fetchRadar: 2,
    });
    expect(errorsOf('readStation pier')).toEqual([
      new HttpError(503, 'station restarts', '0'),
      new HttpError(503, 'station restarts', '0'),
      undefined,
    ]);
    expect(errorsOf('readStation dunes')).toEqual([new HttpError(500, 'sensor full of sand', null), undefined]);
  });

  it('waits before a retry as the server asks, or else by its own back-off', () => {
    const announced = log.filter((line) => line.includes('↻')).map((line) => line.slice(line.indexOf('↻')));
    expect(announced.filter((line) => line.includes('pier'))).toEqual([
      '↻ readStation pier       attempt 1 failed: 503, station restarts; again at once',
      '↻ readStation pier       attempt 2 failed: 503, station restarts; again at once',
    ]);
    expect(announced.filter((line) => line.includes('dunes'))).toEqual([
      '↻ readStation dunes      attempt 1 failed: 500, sensor full of sand; again in 80 ms',
    ]);
    const [failed, succeeded] = task('readStation dunes').attempts;
    expect(succeeded?.end).toBeGreaterThan(Number(failed?.end) + 80);
  });

  it('ends the hung request by its timeout and closes its connection', () => {
    const [first, second] = errorsOf('fetchForecast');
    expect(first).toBeInstanceOf(TimeoutError);
    expect(first).toMatchObject({ subject: 'fetchForecast', limit: patience });
    expect(second).toBeUndefined();
    expect(exchangesOf('GET /forecast')).toEqual([
      { request: 'GET /forecast', visit: 1, status: undefined, cutOff: true },
      { request: 'GET /forecast', visit: 2, status: 200, cutOff: false },
    ]);
  });

  it('gives up on a request that always fails, and cancels its sibling', () => {
    expect(task('fetchRadar').status).toBe('failed');
    expect(errorsOf('fetchRadar')).toEqual(Array(2).fill(new HttpError(502, 'radar is down', null)));
    expect(task('fetchSatellite').status).toBe('cancelled');
    expect(errorsOf('fetchSatellite')).toEqual([
      expect.objectContaining({ name: 'AbortError', cause: errorsOf('fetchRadar')[1] }),
    ]);
    expect(exchangesOf('GET /satellite')).toEqual([{ request: 'GET /satellite', visit: 1, status: 200, cutOff: true }]);
  });

  it('reads three stations at a time', () => {
    const readings = summary.tasks.filter(({ label }) => label.startsWith('readStation'));
    expect(readings).toHaveLength(6);
    const spans = readings.map(({ attempts }) => ({ start: attempts[0]?.start ?? 0, end: attempts.at(-1)?.end ?? 0 }));
    const running = spans.map(({ start }) => spans.filter((other) => other.start <= start && start < other.end).length);
    expect(Math.max(...running)).toBe(3);
  });

  it('keeps the key during the run, and its counters after it', () => {
    expect(exchangesOf('POST /session')).toHaveLength(1);
    expect(server.exchanges.some(({ status }) => status === 401)).toBe(false);
    expect(summary.state).toEqual({ apiKey: undefined, requests: server.exchanges.length, retries: 5, cancelled: 1 });
    expect(server.exchanges).toHaveLength(17);
  });

  it('shows its hooks every task and every attempt', () => {
    expect(summary.tasks).toHaveLength(12);
    expect(summary.tasks.filter(({ status }) => status === 'running')).toEqual([]);
    expect(summary.tasks.flatMap(({ attempts }) => attempts)).toHaveLength(server.exchanges.length);
    expect(summary.tasks.map(({ duration }) => duration).toSorted()).toEqual(
      recorded.map(({ duration }) => duration).toSorted(),
    );
  });

  it('logs a line for each end and each retry', () => {
    const count = (mark: string) => log.filter((line) => line.includes(` ${mark} `)).length;
    expect({ began: count('▸'), completed: count('✓'), failed: count('✗'), cancelled: count('■') }).toEqual({
      began: 1,
      completed: 11,
      failed: 1,
      cancelled: 1,
    });
    expect(log).toHaveLength(19);
    expect(log[0]).toContain('▸ bulletin');
    expect(log.at(-1)).toContain('✓ bulletin');
  });

  it('draws a chart of the tasks', () => {
    const lines = drawTasks(summary.tasks).map(stripVTControlCharacters);
    const line = (label: string) => lines.find((candidate) => candidate.includes(label));
    expect(lines).toHaveLength(summary.tasks.length + 3);
    expect(line('readStation pier')).toMatch(/↻.*↻.*█.* ok, attempt 3$/);
    expect(line('fetchForecast')).toMatch(/▒↻·*█+ .* ok, attempt 2$/);
    expect(line('fetchRadar')).toMatch(/↻.*✗.* failed, attempt 2$/);
    expect(line('fetchSatellite')).toMatch(/■.* cancelled$/);
    expect(sumUp(summary.tasks)).toBe('12 tasks: 10 completed, 1 failed, 1 cancelled; 5 retries');
  });

  it('prints nothing by itself', () => {
    expect(printed).toEqual([]);
  });
});
