import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A request for an item, as the server saw it. `lost`: the client was gone before the answer. */
export interface Request {
  readonly key: string;
  outcome: 'refused' | 'cut' | 'answered' | 'lost';
}

/** A shop whose server is slow, refuses one request of seven, and cuts one connection of twenty. */
export interface Shop {
  readonly url: string;
  /** The requests for each item. */
  readonly requests: ReadonlyMap<string, readonly Request[]>;
  /** Number of requests for the list of all items. */
  lists(): number;
  /** Number of items that were answered. */
  answered(): number;
  stop(): Promise<void>;
}

export const itemCount = 300;

/** The price of an item. */
export function priceOf(item: string): number {
  return 100 + (Number(item.slice(5)) % 17);
}

export async function startShop(): Promise<Shop> {
  const items = Array.from({ length: itemCount }, (_, index) => `item-${index + 1}`);
  const requests = new Map<string, Request[]>(items.map((item) => [item, []]));
  let [lists, count] = [0, 0];

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const item = request.url?.slice('/items/'.length) ?? '';
    const seen = requests.get(item);
    if (seen === undefined) {
      lists++;
      response.end(JSON.stringify(items));
      return;
    }
    const entry: Request = { key: String(request.headers['idempotency-key']), outcome: 'lost' };
    seen.push(entry);
    const number = ++count;
    await pause(5 + ((number * 13) % 30));
    if (number % 20 === 0) {
      entry.outcome = 'cut';
      request.socket.destroy();
    } else if (number % 7 === 0) {
      entry.outcome = 'refused';
      response.writeHead(503).end();
    } else if (!request.socket.destroyed) {
      entry.outcome = 'answered';
      response.end(JSON.stringify({ price: priceOf(item) }));
    }
  }

  const server = createServer((request, response) => void respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    lists: () => lists,
    answered: () => [...requests.values()].filter((seen) => seen.some(({ outcome }) => outcome === 'answered')).length,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
