import { inspect } from 'node:util';
import { type CurrentProcess, Orchestrator, type ProcessRecord, TimeoutError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { deferred, rejection } from '../support.js';

describe('the argument of the function of run', () => {
  it('is the state, the signal and the id of its process, as hooks and actions see them', async () => {
    const orchestrator = new Orchestrator<{ n: number }>({ state: { n: 1 } });
    let seen: ProcessRecord['context'];
    orchestrator.onProcessBegin(({ context }) => {
      seen = context;
    });
    await orchestrator.run(
      ({ context, signal, id }) => {
        expect(context).toBe(seen);
        expect(context).toBe(orchestrator.getState());
        expect(signal).toBe(orchestrator.signal);
        expect(id).toBe('mine');
        context.n++;
      },
      { id: 'mine' },
    );
    expect(orchestrator.getState()).toEqual({ n: 2 });
  });

  it('works without an async context', async () => {
    const orchestrator = new Orchestrator<{ found?: string }>();
    const callbacks: (() => void)[] = [];
    const outside = new Orchestrator().run(async () => {
      while (callbacks.length === 0) await new Promise(setImmediate);
      for (const callback of callbacks) callback();
    });
    await orchestrator.run(
      (process) =>
        new Promise<void>((resolve) => {
          callbacks.push(() => {
            process.context.found = process.id;
            resolve();
          });
        }),
      { id: 'a' },
    );
    await outside;
    expect(orchestrator.getState()).toEqual({ found: 'a' });
  });

  it('has a signal that the run aborts, even if it is read only afterwards', async () => {
    const orchestrator = new Orchestrator();
    const aborter = new AbortController();
    const reason = new Error('enough');
    const went = deferred<CurrentProcess>();
    const run = orchestrator.run(
      async (process) => {
        aborter.abort(reason);
        went.resolve(process);
      },
      { signal: aborter.signal },
    );
    expect(await rejection(run)).toBe(reason);
    expect((await went.promise).signal).toMatchObject({ aborted: true, reason });
    const limited = orchestrator.run(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
      {
        timeout: 5,
      },
    );
    expect(await rejection(limited)).toBeInstanceOf(TimeoutError);
  });

  it('belongs to the inner run if runs are nested', async () => {
    const orchestrator = new Orchestrator({ state: { n: 0 } });
    await orchestrator.run(async (outer) => {
      await orchestrator.run((inner) => {
        expect(inner.id).not.toBe(outer.id);
        expect(inner.context).not.toBe(outer.context);
      });
      expect(outer.context).toBe(orchestrator.getState());
    });
  });

  it('can be ignored, even if the function is an action', async () => {
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(() => 1);
    expect(await orchestrator.run(act)).toBe(1);
    expect(await orchestrator.run(async () => act())).toBe(1);
  });

  it('reveals nothing if it is printed or sent', async () => {
    const process = await new Orchestrator().run((given) => given, { state: { secret: 'x' } });
    expect(JSON.stringify(process)).toBe('{}');
    expect(inspect(process)).not.toContain('secret');
  });

  it('creates no signal that is not read', async () => {
    const { AbortController: Controller } = globalThis;
    let made = 0;
    globalThis.AbortController = class extends Controller {
      constructor() {
        super();
        made++;
      }
    };
    try {
      await new Orchestrator().run(({ context, id }) => [context, id]);
      expect(made).toBe(0);
      await new Orchestrator().run(({ signal }) => signal);
      expect(made).toBe(1);
    } finally {
      globalThis.AbortController = Controller;
    }
  });
});
