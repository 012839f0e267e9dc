import { setTimeout as pause } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';
import { fileJournal, idempotencyKey, waitFor } from 'orchestrator/durable';

// The script that the demo kills. It knows nothing of kills: it is a run with an id and a journal.

const { SHOP_URL = '', RUNS = './runs', CONCURRENCY = '10' } = process.env;
const concurrency = Number(CONCURRENCY);
const journal = fileJournal(RUNS);
const orchestrator = new Orchestrator({ retry: { retries: 20, minTimeout: 5, maxTimeout: 50 } });

const listItems = orchestrator.action(async function listItems() {
  const response = await fetch(`${SHOP_URL}/items`, { signal: orchestrator.signal });
  return (await response.json()) as string[];
});

const importItem = orchestrator.action(async function importItem(item: string) {
  const response = await fetch(`${SHOP_URL}/items/${item}`, {
    method: 'POST',
    headers: { 'idempotency-key': idempotencyKey() },
    signal: orchestrator.signal,
  });
  if (!response.ok) throw new Error(`${item}: ${response.status}`);
  return (await response.json()) as { readonly price: number };
});

const total = await orchestrator.run(
  async () => {
    const items = await listItems();
    const half = items.length / 2;
    const first = await orchestrator.map(items.slice(0, half), importItem, { concurrency });
    process.send?.({ type: 'waits' });
    const { by } = await waitFor<{ by: string }>('approved', { timeout: 3_600_000 });
    const second = await orchestrator.map(items.slice(half), importItem, { concurrency });
    return { by, items: items.length, price: [...first, ...second].reduce((sum, { price }) => sum + price, 0) };
  },
  { id: 'import-2026-11', name: 'import', journal },
);
await journal.close();
process.send?.({ type: 'completed', total });
// The message is on its way.
await pause(10);
process.disconnect?.();
