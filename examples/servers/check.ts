// Checks a server from outside, whichever framework it is built with.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { orchestrator } from './shop.js';
import { closeWarehouse, warehouse } from './warehouse.js';

/** @param name - the name of the processes of its requests */
export async function checkServer(url: string, name: string): Promise<void> {
  const page = (id: string, init?: RequestInit) => fetch(`${url}/pages/${id}`, init);

  // One run a request, with its own state.
  const visit = async (user: string) => (await page('tea', { headers: { 'x-user': user } })).text();
  assert.deepEqual(await Promise.all(['ada', 'alan', 'joan'].map(visit)), [
    'ada sees 7 pieces of tea',
    'alan sees 7 pieces of tea',
    'joan sees 7 pieces of tea',
  ]);

  // The deadline is handed on, less the time that has passed. Without one, there is the limit of the server.
  assert.ok((await deadlineOf(() => page('tea', { headers: { 'x-deadline-ms': '800' } }))) <= 800);
  for (const headers of [{}, { 'x-deadline-ms': 'soon' }, { 'x-deadline-ms': '86400000' }]) {
    const deadline = await deadlineOf(() => page('tea', { headers }));
    assert.ok(deadline > 5_000 && deadline <= 10_000, `${deadline}`);
  }

  // At the deadline the request ends, and what it has asked others for is cut off.
  let cut = once(warehouse, 'cut');
  const late = await page('slow', { headers: { 'x-deadline-ms': '100' } });
  assert.deepEqual([late.status, await late.text()], [504, `"${name}" timed out after 100 ms`]);
  await cut;

  // When the client leaves, too.
  const leaving = new AbortController();
  const ended = endOf(name);
  const asked = once(warehouse, 'asked');
  const left = assert.rejects(page('slow', { signal: leaving.signal }), { name: 'AbortError' });
  await asked;
  cut = once(warehouse, 'cut');
  leaving.abort();
  await Promise.all([left, cut]);
  assert.equal(await ended, 'cancelled');

  // A deadline that has passed leaves no time. It is not taken for no limit.
  assert.equal((await page('slow', { headers: { 'x-deadline-ms': '0' } })).status, 504);
  console.log(`${name}: the client has gone, and so is the request to the warehouse.`);
  closeWarehouse();
}

async function deadlineOf(ask: () => Promise<Response>): Promise<number> {
  const asked = once(warehouse, 'asked');
  assert.equal((await ask()).status, 200);
  const [deadline] = await asked;
  return deadline;
}

/** Resolves with the status of the next process of this name. */
function endOf(name: string): Promise<string> {
  const seen = new AbortController();
  return new Promise((resolve) => {
    orchestrator.onProcessCompletion(
      (process) => {
        if (process.name !== name) return;
        seen.abort();
        resolve(process.status);
      },
      { observe: true, signal: seen.signal },
    );
  });
}
