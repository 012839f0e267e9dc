import { Orchestrator, type PolicyCall, TimeoutError, ValidationError } from 'orchestrator';
import { done, Loop, type LoopNodeDefinition, type NodeData, planOf } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import { settled } from '../support.js';
import { counting, lived } from './one-loop.js';

const orchestrator = new Orchestrator();

const hanging = () => new Promise<never>(() => {});

describe('policy of a node', () => {
  it('executes each attempt, the outermost first, and sees the call', async () => {
    const log: unknown[] = [];
    const policy = (name: string) => ({
      execute: async (fn: () => Promise<unknown>, call: PolicyCall) => {
        log.push([name, call.name, call.attempt]);
        return fn();
      },
    });
    let isDown = true;
    const loop = new Loop('l').producer('p', counting(1, done)).blocking(
      'b',
      () => {
        log.push('called');
        if (!isDown) return;
        isDown = false;
        throw new Error('down');
      },
      { policy: [policy('outer'), policy('inner')], retry: { retries: 1, minTimeout: 0 } },
    );
    expect((await lived(loop)).world.failures).toEqual([]);
    const attempt = (number: number) => [['outer', 'b', number], ['inner', 'b', number], 'called'];
    expect(log).toEqual([...attempt(1), ...attempt(2)]);
  });

  it('that refuses a call fails the node, and null switches a default off', async () => {
    const open = { execute: async () => Promise.reject(new Error('open')) };
    const seen: unknown[] = [];
    const loop = new Loop('l', { orchestrator: new Orchestrator({ policy: open }) })
      .producer('p', counting(2, done), { policy: null })
      .blocking('b', () => seen.push('b'))
      .blocking('free', (value) => seen.push(value), { policy: null })
      .edge('p', 'b')
      .edge('p', 'free');
    expect((await lived(loop)).world.failures).toEqual(['b: open', 'b: open']);
    expect(seen).toEqual([1, 2]);
  });
});

describe('timeout of a node', () => {
  it('may limit all attempts together', async () => {
    let attempts = 0;
    const loop = new Loop('l').producer('p', counting(1, done)).blocking(
      'b',
      () => {
        attempts++;
        return hanging();
      },
      { timeout: { attempt: 20, total: 50 }, retry: { retries: 100, minTimeout: 0 } },
    );
    expect((await lived(loop)).world.failures).toEqual(['b: "b" timed out after 50 ms']);
    expect(attempts).toBeGreaterThan(1);
  });

  it('is none where its fields are null or 0', async () => {
    const loop = new Loop('l')
      .producer('p', counting(1, done))
      .blocking('b', () => settled(), { timeout: { attempt: 0, total: null } });
    expect((await lived(loop)).world.failures).toEqual([]);
  });
});

describe('a node that is an action with a fallback', () => {
  it('keeps the fallback, with and without observers', async () => {
    const outputs: unknown[] = [];
    const failing = () => {
      throw new Error('down');
    };
    for (const observed of [false, true]) {
      const kernel = new Orchestrator();
      if (observed) kernel.onTaskCompletion(() => {});
      const fetch = kernel.action('fetch', failing as (value: number) => number, { fallback: (value) => value * 10 });
      const loop = new Loop('l', { orchestrator: kernel })
        .producer('p', counting(2, done))
        .blocking('b', fetch)
        .blocking('see', (value) => outputs.push(value));
      expect((await lived(loop)).world.failures).toEqual([]);
    }
    expect(outputs).toEqual([10, 20, 10, 20]);
  });

  it('gives the fallback what the function receives, with a signal that is not aborted', async () => {
    const seen: unknown[] = [];
    let count = 0;
    const produce = orchestrator.action('produce', hanging as (data: NodeData) => Promise<never>, {
      timeout: 5,
      fallback(data) {
        seen.push([this.error instanceof TimeoutError, data.nodeId, data.signal.aborted]);
        return count++ < 1 ? 'from fallback' : done;
      },
    });
    const standIn = orchestrator.action('standIn', (value: unknown, data: NodeData) => {
      seen.push([value, data.nodeId, data.signal.aborted]);
    });
    const save = orchestrator.action('save', hanging as (value: unknown, data: NodeData) => Promise<never>, {
      timeout: 5,
      fallback: standIn,
    });
    const loop = new Loop('l', { orchestrator }).producer('p', produce).blocking('b', save);
    expect(await lived(loop)).toMatchObject({ end: { reason: 'done' }, world: { failures: [] } });
    expect(seen).toEqual([
      [true, 'p', false],
      ['from fallback', 'b', false],
      [true, 'p', false],
    ]);
  });
});

describe('options that only actions have', () => {
  const message = (path: string) =>
    new ValidationError(`${path} is not an option of a node: give the node an action that has it`);

  it.each([{ fallback: () => 1 }, { fallbackOn: () => true }, { share: true }])('%o is refused', (settings) => {
    const [name] = Object.keys(settings) as [string];
    expect(() => new Loop('l').blocking('b', () => 1, settings as never)).toThrow(message(name));
    const definition = { id: 'b', ...settings } as LoopNodeDefinition;
    const source = { definition: { id: 'l', nodes: [definition] }, implementations: new Map() };
    expect(() => planOf(source)).toThrow(message(`nodes[0].${name}`));
  });

  it.each([
    [{ policy: {} }, 'policy must be an object with an execute method, got Object'],
    [{ policy: [{}] }, 'policy[0] must be an object with an execute method, got Object'],
    [
      { timeout: { attempt: -1 } },
      'timeout.attempt must be a number of milliseconds above 0, up to 2147483647 or Infinity, got -1',
    ],
    [{ timeout: { fallback: () => 1 } }, 'timeout.fallback is unknown, expected attempt, total'],
  ])('%o is refused', (settings, text) => {
    expect(() => new Loop('l').blocking('b', () => 1, settings as never)).toThrow(new ValidationError(text));
  });
});
