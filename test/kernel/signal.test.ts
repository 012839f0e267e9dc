import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Orchestrator } from 'orchestrator';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection, settled } from '../support.js';

/** Starts a server on a free port of the loopback interface. */
async function serve(listener: RequestListener) {
  const server = createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

afterEach(() => void vi.useRealTimers());

describe('signal', () => {
  it('outside any run never aborts, and is not kept', () => {
    const orchestrator = new Orchestrator();
    expect(orchestrator.signal.aborted).toBe(false);
    expect(orchestrator.signal).not.toBe(orchestrator.signal);
  });

  it('is the same throughout a run without inner limits', async () => {
    const orchestrator = new Orchestrator();
    const read = orchestrator.action(() => orchestrator.signal);
    await orchestrator.run(async () => {
      const { signal } = orchestrator;
      expect(await read()).toBe(signal);
      expect(await read()).toBe(signal);
    });
  });

  it('follows the signal of the run', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const hang = orchestrator.action(() => {
      signal = orchestrator.signal;
      return deferred().promise;
    });
    const pending = rejection(orchestrator.run(() => hang(), { signal: controller.signal }));
    await settled();
    controller.abort('reason');
    await pending;
    expect(signal?.reason).toBe('reason');
  });

  it('that is read after the abort is already aborted, with the reason', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const gate = deferred();
    let signal: AbortSignal | undefined;
    const running = orchestrator.run(
      async () => {
        await gate.promise;
        signal = orchestrator.signal;
      },
      { signal: controller.signal },
    );
    controller.abort('reason');
    await rejection(running);
    gate.resolve();
    await settled();
    expect(signal?.reason).toBe('reason');
  });

  it('is not aborted by work that completed', async () => {
    const orchestrator = new Orchestrator();
    const signals: AbortSignal[] = [];
    const act = orchestrator.action(() => signals.push(orchestrator.signal), { timeout: 1000 });
    await orchestrator.run(
      async () => {
        signals.push(orchestrator.signal);
        await act();
        await orchestrator.parallel([act], { failFast: true })();
      },
      { timeout: 1000 },
    );
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
  });

  it('of an attempt with a limit still follows the run after the attempt has ended', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const read = orchestrator.action(() => orchestrator.signal, { timeout: 1000 });
    const group = orchestrator.parallel([() => orchestrator.signal], { failFast: true });
    const held: AbortSignal[] = [];
    const running = orchestrator.run(
      async () => {
        held.push(await read(), ...(await group()));
        for (let index = 0; index < 5; index++) {
          await settled();
          globalThis.gc?.();
        }
        controller.abort('reason');
        await deferred().promise;
      },
      { signal: controller.signal },
    );
    await rejection(running);
    expect(held.map(({ reason }) => reason)).toEqual(['reason', 'reason']);
  });

  it('interrupts reading a body whose fetch had a limit', async () => {
    const closed = deferred();
    const { url, stop } = await serve((_, response) => {
      response.write('the beginning');
      response.on('close', closed.resolve);
    });
    const orchestrator = new Orchestrator();
    const open = orchestrator.action(() => fetch(url, { signal: orchestrator.signal }), { timeout: 60_000 });
    const abort = new AbortController();
    const read = async () => {
      const response = await open();
      setImmediate(() => abort.abort(new Error('enough')));
      return response.text();
    };
    await expect(orchestrator.run(read, { signal: abort.signal })).rejects.toThrow('enough');
    await closed.promise;
    await stop();
  });

  it('really ends a fetch: the server sees the connection close', async () => {
    const arrived = deferred();
    const closed = deferred();
    const { url, stop } = await serve((request) => {
      request.on('close', closed.resolve);
      arrived.resolve();
    });
    const orchestrator = new Orchestrator();
    const get = orchestrator.action(() => fetch(url, { signal: orchestrator.signal }), { timeout: 500 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const pending = rejection(get());
    await arrived.promise;
    vi.advanceTimersByTime(500);
    expect(await pending).toMatchObject({ message: expect.stringContaining('timed out after 500 ms') });
    await closed.promise;
    await stop();
  });
});
