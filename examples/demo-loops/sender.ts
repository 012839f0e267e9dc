import { Loop, type NodeData } from 'orchestrator/loops';
import type { Entries } from './messages.js';

/**
 * Loop C: sends the queue `entries` to the server, three requests at a time. A message is acknowledged after it has
 * arrived.
 */
export function senderTo(url: string): Loop {
  return new Loop('sender').read('take', 'entries', { batch: 8 }).nonBlocking(
    'send',
    async (batch: Entries[], { signal }: NodeData) => {
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(batch), signal });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the server has answered ${response.status}`);
    },
    { maxInFlight: 3, retry: { retries: 5, minTimeout: 20 }, timeout: 5_000 },
  );
}
