import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CheckpointError,
  FileCheckpointStore,
  Flow,
  MemoryCheckpointStore,
  SerializationError,
  TooLateError,
  type WorkflowResult,
} from 'orchestrator/flow';
import { expect, it, vi } from 'vitest';
import { rejection } from '../support.js';
import { day, later, start, useFakeDate } from './fake-date.js';

/* Waits that expire, under conditions that nobody wishes for. */

useFakeDate();

const order = (timeout: number | undefined = day, version?: string) =>
  new Flow('order', version === undefined ? {} : { version })
    .wait('approve', { event: 'approved', timeout })
    .node('ship', (answer) => ['shipped', answer])
    .node('escalate', () => 'escalated')
    .edge('approve', 'ship')
    .edge('approve', 'escalate', { action: 'timeout' });

it.each([Number.MIN_VALUE, 0.5, 1])('a timeout of %s ms expires with the next continuation', async (timeout) => {
  const first = await order(timeout).run();
  later(1);
  expect((await order(timeout).continue(first)).output).toBe('escalated');
});

it.each([8.64e15, 1e300, Number.MAX_VALUE])('a timeout of %s ms never expires', async (timeout) => {
  const flow = order(timeout);
  const checkpoint = new MemoryCheckpointStore();
  await flow.run({}, { checkpoint, id: 'r' });
  vi.setSystemTime(8.64e15);
  expect((await flow.continue('r', { checkpoint })).status).toBe('awaiting');
  expect(flow.toMermaid()).toContain('approve (at most');
  expect((await flow.continue('r', { checkpoint, events: { approved: 1 } })).output).toEqual(['shipped', 1]);
});

it('a clock that is set back lets a wait expire later, and undoes no expiry', async () => {
  const flow = order();
  const checkpoint = new MemoryCheckpointStore();
  await flow.run({}, { checkpoint, id: 'r' });
  vi.setSystemTime(0);
  expect((await flow.continue('r', { checkpoint })).status).toBe('awaiting');
  vi.setSystemTime(start + day);
  const result = await flow.continue('r', { checkpoint });
  vi.setSystemTime(0);
  expect(await rejection(flow.continue('r', { checkpoint, events: { approved: 1 } }))).toBeInstanceOf(TooLateError);
  expect((await flow.continue('r', { checkpoint })).output).toEqual(result.output);
});

it('of two waits for one event, the event ends the one that has not expired', async () => {
  const flow = new Flow('two')
    .wait('short', { event: 'go', timeout: 10 })
    .wait('long', { event: 'go', timeout: day })
    .node('end', (input) => input)
    .edge('short', 'end')
    .edge('short', 'end', { action: 'timeout' })
    .edge('long', 'end');
  const first = await flow.run({}, { input: 'input' });
  later(10);
  const result = await flow.continue(first, { events: { go: 'payload' } });
  expect(result.output).toEqual({ short: 'input', long: 'payload' });
});

it('an event may have no payload', async () => {
  const checkpoint = new MemoryCheckpointStore();
  await order().run({}, { checkpoint, id: 'r' });
  const result = await order().continue('r', { checkpoint, events: { approved: undefined } });
  expect(result).toMatchObject({ status: 'completed', output: ['shipped', undefined] });
});

it('a payload that cannot be saved is refused, and the run still waits', async () => {
  const checkpoint = new MemoryCheckpointStore();
  await order().run({}, { checkpoint, id: 'r' });
  const before = await checkpoint.load('r');
  const events = { approved: { by: [() => 'a function'] } };
  const error = await rejection(order().continue('r', { checkpoint, events }));
  expect(error).toBeInstanceOf(SerializationError);
  expect(error).toMatchObject({ path: 'payload of event "approved".by[0]' });
  expect(await checkpoint.load('r')).toEqual(before);
  const result = await order().continue('r', { checkpoint, events: { approved: 'yes' } });
  expect(result.output).toEqual(['shipped', 'yes']);
});

it('a run that is aborted before it resumes takes no event, and one that is aborted later keeps it', async () => {
  const checkpoint = new MemoryCheckpointStore();
  const abort = new AbortController();
  const flow = new Flow('aborted')
    .wait('approve', { timeout: day })
    .node('ship', (answer, { signal }) => {
      abort.abort(new Error('not now'));
      if (signal.aborted && Date.now() < start + day) throw signal.reason;
      return ['shipped', answer];
    })
    .edge('approve', 'ship');
  await flow.run({}, { checkpoint, id: 'r' });
  const events = { approve: 'yes' };
  const before = await flow.continue('r', { checkpoint, signal: AbortSignal.abort(), events });
  expect(before).toMatchObject({ status: 'cancelled', awaiting: [{ nodeId: 'approve' }] });
  const later = await flow.continue('r', { checkpoint, signal: abort.signal, events });
  expect(later).toMatchObject({ status: 'cancelled', awaiting: [] });
  vi.setSystemTime(start + 2 * day);
  expect((await flow.continue('r', { checkpoint })).output).toEqual(['shipped', 'yes']);
});

it('thousands of waits expire in one continuation', async () => {
  const flow = new Flow('many');
  for (let at = 0; at < 5_000; at++) flow.wait(`w${at}`, { event: 'go', timeout: day });
  const first = await flow.run();
  later(day);
  expect(await rejection(flow.continue(first, { events: { go: 1 } }))).toBeInstanceOf(TooLateError);
  const result: WorkflowResult = await flow.continue(first);
  expect([result.status, result.errors.length]).toEqual(['failed', 5_000]);
});

it('a changed timeout does not change a wait that has begun, and needs the same version', async () => {
  const checkpoint = new MemoryCheckpointStore();
  await order(day, '1').run({}, { checkpoint, id: 'r' });
  later(day - 1);
  expect((await order(1, '1').continue('r', { checkpoint })).status).toBe('awaiting');
  expect((await order(undefined, '1').continue('r', { checkpoint, events: { approved: 1 } })).output).toEqual([
    'shipped',
    1,
  ]);
  const first = await order(day).run();
  expect(await rejection(order(1).continue(first))).toBeInstanceOf(CheckpointError);
});

it('a wait whose timeout was removed while it was open is still ended by its time, with its edge', async () => {
  const checkpoint = new MemoryCheckpointStore();
  await order(day, '1').run({}, { checkpoint, id: 'r' });
  later(day);
  expect((await order(undefined, '1').continue('r', { checkpoint })).output).toBe('escalated');
});

it('files keep the end of a wait like other stores', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'expiry-'));
  try {
    const checkpoint = new FileCheckpointStore(directory);
    await order().run({}, { checkpoint, id: 'r' });
    later(day);
    expect((await order().continue('r', { checkpoint })).output).toBe('escalated');
    vi.setSystemTime(start);
    expect((await order().continue('r', { checkpoint: new FileCheckpointStore(directory) })).output).toBe('escalated');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
