import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request, as the server saw it. */
export interface Exchange {
  readonly request: string;
  /** Status of the answer; `undefined` if there was none. */
  status: number | undefined;
  /** If true, the client disconnected before the answer was complete. */
  cutOff: boolean;
}

export interface BookServer {
  readonly url: string;
  readonly exchanges: readonly Exchange[];
  /** Posted bodies, by path. */
  readonly posted: Readonly<Record<string, readonly unknown[]>>;
  /** Largest number of book requests that were open at the same time. */
  readonly mostBooksAtOnce: number;
  /** Stops answering requests for books from this number on. Resolves after the given number of such requests. */
  hold(fromBook: number, requests: number): Promise<void>;
  /** Answers requests for books again. Requests that are already held never get an answer. */
  release(): void;
  /** Resolves when no request is open. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

export const bookCount = 60;
const publishers: Record<string, number> = { Arden: 4, Birch: 9, Cedar: 6 };

/**
 * The service of a book wholesaler, on loopback. It misbehaves reproducibly:
 *
 *     GET  /catalogue         is slow
 *     GET  /rates             always answers 503
 *     GET  /rates/yesterday   answers
 *     GET  /books/:number     answers; every tenth is slow, and the seventh first answers 503
 *     GET  /publishers/:name  answers
 *     POST /orders            takes an order
 *     POST /lists             takes a price list
 */
export async function startBookServer(): Promise<BookServer> {
  const exchanges: Exchange[] = [];
  const posted: Record<string, unknown[]> = { orders: [], lists: [] };
  const events = new EventEmitter();
  let open = 0;
  let held = 0;
  let firstHeld = Infinity;
  let booksAtOnce = 0;
  let mostBooksAtOnce = 0;

  const server = createServer((request, response) => {
    const exchange: Exchange = { request: `${request.method} ${request.url}`, status: undefined, cutOff: false };
    const isFirst = exchanges.every((earlier) => earlier.request !== exchange.request);
    const isBook = request.url?.startsWith('/books/') === true;
    exchanges.push(exchange);
    open++;
    if (isBook) mostBooksAtOnce = Math.max(mostBooksAtOnce, ++booksAtOnce);
    response.once('close', () => {
      open--;
      if (isBook) booksAtOnce--;
      exchange.cutOff = !response.writableFinished;
      if (response.headersSent) exchange.status = response.statusCode;
      events.emit('close');
    });
    // The client may have disconnected before the answer is sent.
    handle(request, response, isFirst).catch(() => response.destroy());
  });

  async function handle(request: IncomingMessage, response: ServerResponse, isFirst: boolean): Promise<void> {
    const [, resource = '', id = ''] = (request.url ?? '').split('/');
    if (request.method === 'POST') return take(request, response, resource);
    if (resource === 'catalogue') return reply(response, 200, { season: 'winter', books: numbers(bookCount) }, 250);
    if (resource === 'rates' && id === 'yesterday') return reply(response, 200, { centsPerDollar: 90 });
    if (resource === 'rates') return reply(response, 503, 'the bank is closed');
    if (resource === 'books') return answerBook(response, Number(id), isFirst);
    if (id in publishers) return reply(response, 200, { name: id, percent: publishers[id] }, 25);
    return reply(response, 404, 'no such thing');
  }

  function answerBook(response: ServerResponse, number: number, isFirst: boolean): Promise<void> | undefined {
    if (number >= firstHeld) {
      held++;
      events.emit('held');
      return undefined;
    }
    if (number === 7 && isFirst) return reply(response, 503, 'the shelf is being moved');
    return reply(response, 200, bookOf(number), number % 10 === 0 ? 60 : 10);
  }

  async function take(request: IncomingMessage, response: ServerResponse, resource: string): Promise<void> {
    const taken = posted[resource];
    if (taken === undefined) return reply(response, 404, 'no such thing');
    const number = taken.push(await json(request));
    return reply(response, 201, { number });
  }

  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    posted,
    get mostBooksAtOnce() {
      return mostBooksAtOnce;
    },
    async hold(fromBook, requests) {
      firstHeld = fromBook;
      held = 0;
      while (held < requests) await once(events, 'held');
    },
    release() {
      firstHeld = Infinity;
    },
    async quiet() {
      while (open > 0) await once(events, 'close');
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function bookOf(number: number) {
  const publisher = Object.keys(publishers)[number % 3];
  return { title: `Volume ${number}`, publisher, dollars: 5 + ((number * 7) % 40), stock: (number * 5) % 12 };
}

async function reply(response: ServerResponse, status: number, body: unknown, delay = 10): Promise<void> {
  await sleep(delay);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
