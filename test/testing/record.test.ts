import { Orchestrator } from 'orchestrator';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { record } from 'orchestrator/testing';
import { describe, expect, it } from 'vitest';
import { failing, rejection } from '../support.js';

describe('record', () => {
  it('records tasks as they ended, in that order', async () => {
    const orchestrator = new Orchestrator();
    const inner = orchestrator.action('inner', failing(1, 'value'), { retry: { retries: 1, minTimeout: 0 } });
    const outer = orchestrator.action('outer', async (id: string) => `${id} ${await inner()}`);
    using recording = record(orchestrator);
    await orchestrator.run(() => outer('42'), { id: 'run' });
    const duration = expect.any(Number);
    expect(recording.tasks).toEqual([
      {
        id: 'run/2',
        processId: 'run',
        name: 'inner',
        args: [],
        status: 'completed',
        result: 'value',
        error: undefined,
        attempts: 2,
        duration,
      },
      {
        id: 'run/1',
        processId: 'run',
        name: 'outer',
        args: ['42'],
        status: 'completed',
        result: '42 value',
        error: undefined,
        attempts: 1,
        duration,
      },
    ]);
  });

  it('records failures and cancelled tasks with their errors', async () => {
    const orchestrator = new Orchestrator();
    const error = new Error('failed');
    const fail = orchestrator.action('fail', () => Promise.reject(error));
    const hang = orchestrator.action('hang', () => new Promise(() => {}));
    using recording = record(orchestrator);
    await rejection(orchestrator.parallel([fail, hang], { failFast: true })());
    expect(recording.tasks).toMatchObject([
      { name: 'fail', status: 'failed', error },
      { name: 'hang', status: 'cancelled', error: { name: 'AbortError' } },
    ]);
  });

  it('shows the outcome that a later completion hook has made of a task', async () => {
    const orchestrator = new Orchestrator();
    using recording = record(orchestrator);
    orchestrator.onTaskCompletion(() => {
      throw new Error('hook');
    });
    await rejection(orchestrator.action('a', () => 1)());
    expect(recording.tasks).toMatchObject([{ name: 'a', status: 'failed', error: { message: 'hook' } }]);
  });

  it('stops with stop() and at the end of the block, keeps what it has, and forgets it with clear()', async () => {
    const orchestrator = new Orchestrator();
    const one = orchestrator.action('one', () => 1);
    const outer = record(orchestrator);
    {
      using inner = record(orchestrator);
      await one();
      expect(inner.tasks).toHaveLength(1);
    }
    await one();
    outer.stop();
    await one();
    expect(outer.tasks).toHaveLength(2);
    outer.clear();
    expect(outer.tasks).toEqual([]);
  });

  it('records nodes of flows, and nothing of another orchestrator', async () => {
    const [orchestrator, other] = [new Orchestrator(), new Orchestrator()];
    using recording = record(orchestrator);
    await new FlowRuntime({ orchestrator }).run(new Flow('f').node('a', () => 1));
    await other.action('b', () => 1)();
    expect(recording.tasks).toMatchObject([{ name: 'a', status: 'completed', result: 1 }]);
  });

  it('rejects anything but an orchestrator', () => {
    expect(() => record({} as never)).toThrow('orchestrator must be an Orchestrator, got Object');
  });
});
