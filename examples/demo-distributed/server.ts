import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the server has seen of one step. */
export interface Seen {
  /** How often it was asked, whatever it has answered. */
  requests: number;
  /** How often it has answered 503. */
  refused: number;
  /** How often it was asked by each key. */
  readonly keys: Map<string, number>;
  /** What was done, once for each key. */
  effects: number;
}

export interface ShopServer {
  readonly url: string;
  /** By step. */
  readonly seen: ReadonlyMap<string, Seen>;
  /** All requests so far. */
  readonly requests: number;
  /** Resolves when it has been asked so often. */
  asked(requests: number): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds that an answer takes. */
const answerTime = 5;

/**
 * The services of a shop, on loopback: POST /<step>, with a key in the header `idempotency-key`. What is asked for again
 * by the same key is answered, and not done again. It misbehaves in the same way each time: every fourth order cannot be
 * reserved at first, and gets a 503.
 */
export async function startShopServer(): Promise<ShopServer> {
  const seen = new Map<string, Seen>();
  const waiting = new Set<{ readonly requests: number; readonly resolve: () => void }>();
  let requests = 0;

  const server = createServer((request, response) => {
    requests++;
    for (const one of waiting) if (requests >= one.requests) one.resolve();
    // Whoever asked may be gone before the answer is sent.
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const step = (request.url ?? '').slice(1);
    const key = request.headers['idempotency-key'];
    const { number } = (await json(request)) as { readonly number: number };
    if (typeof key !== 'string') return reply(response, 400, 'a key is missing');
    const of = seen.get(step) ?? { requests: 0, refused: 0, keys: new Map<string, number>(), effects: 0 };
    seen.set(step, of);
    const times = (of.keys.get(key) ?? 0) + 1;
    of.keys.set(key, times);
    of.requests++;
    await sleep(answerTime);
    if (step === 'reserve' && number % 4 === 0 && times === 1) {
      of.refused++;
      return reply(response, 503, 'the warehouse is busy');
    }
    if (!done.has(`${step} ${key}`)) of.effects++;
    done.add(`${step} ${key}`);
    return reply(response, 200, { step, number });
  }

  const done = new Set<string>();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get requests() {
      return requests;
    },
    asked(count) {
      return new Promise((resolve) => {
        if (requests >= count) resolve();
        else waiting.add({ requests: count, resolve });
      });
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
