// Claims about durable runs that hold on every runtime, with a journal in memory.

import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';
import { DurableFunction, memoryJournal, sleep, step, waitFor } from 'orchestrator/durable';
import { explore } from 'orchestrator/durable/testing';
import { hanging } from './claims.mjs';

export const durables = {
  async 'a durable run goes on where it was aborted, and repeats nothing'() {
    const orchestrator = new Orchestrator();
    const journal = memoryJournal();
    const calls = [];
    const work = orchestrator.action('work', async (item) => {
      calls.push(item);
      if (calls.length === 3) await hanging(orchestrator.signal);
      return item * 2;
    });
    const controller = new AbortController();
    const live = (signal) =>
      orchestrator.run(() => orchestrator.map([1, 2, 3], work, { concurrency: 1 }), { id: 'run', journal, signal });
    const first = live(controller.signal);
    while (calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort(new Error('stop'));
    await assert.rejects(first, /stop/);
    assert.deepEqual(await live(), [2, 4, 6]);
    assert.deepEqual(calls, [1, 2, 3, 3]);
  },

  async 'a durable function sleeps, waits for a signal, and is listed'() {
    const journal = memoryJournal();
    const order = new DurableFunction('order', async (item) => {
      await sleep(1);
      const { by } = await waitFor('approved', { timeout: 20_000 });
      return [item, by, typeof (await step('now', Date.now))];
    });
    const { id, result } = await order.start('tea', { id: 'order-1', journal });
    await journal.signal(id, 'approved', { by: 'eve' });
    assert.deepEqual(await result, ['tea', 'eve', 'number']);
    assert.deepEqual(
      (await journal.list()).map(({ status }) => status),
      ['completed'],
    );
  },

  async 'a durable run survives a death at every record'() {
    const orchestrator = new Orchestrator();
    const double = orchestrator.action('double', (number) => number * 2);
    const { deaths } = await explore(() => orchestrator.map([1, 2, 3], double));
    assert.ok(deaths > 6);
  },
};
