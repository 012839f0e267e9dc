import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** Counts of the server for one step. */
export interface Seen {
  /** Number of requests, with any answer. */
  requests: number;
  /** Number of requests answered with 503. */
  refused: number;
  /** Number of requests by idempotency key. */
  readonly keys: Map<string, number>;
  /** Number of performed steps: one per key. */
  effects: number;
}

export interface ShopServer {
  readonly url: string;
  /** Counts by step. */
  readonly seen: ReadonlyMap<string, Seen>;
  /** Number of requests so far. */
  readonly requests: number;
  /** Resolves after the given number of requests. */
  asked(requests: number): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds until the server answers. */
const answerTime = 5;

/**
 * The services of a shop, on loopback: POST /<step>, with an `idempotency-key` header. A repeated request with the same
 * key is answered, but not performed again. The server misbehaves reproducibly: the first reservation of every fourth
 * order gets a 503.
 */
export async function startShopServer(): Promise<ShopServer> {
  const seen = new Map<string, Seen>();
  const waiting = new Set<{ readonly requests: number; readonly resolve: () => void }>();
  let requests = 0;

  const server = createServer((request, response) => {
    requests++;
    for (const one of waiting) if (requests >= one.requests) one.resolve();
    // The client may have disconnected before the answer is sent.
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
