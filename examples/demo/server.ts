import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request, as the server saw it. */
interface Exchange {
  readonly request: string;
  /** Number of such requests so far, including this one. */
  readonly visit: number;
  /** Status of the answer; `undefined` if there was none. */
  status: number | undefined;
  /** If true, the client disconnected before the answer was complete. */
  cutOff: boolean;
}

export interface WeatherServer {
  readonly url: string;
  readonly exchanges: readonly Exchange[];
  /** Posted bulletins. */
  readonly bulletins: readonly unknown[];
  /** Resolves when no request is open. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

const apiKey = 'key-of-the-day';
const winds: Record<string, number> = { pier: 18, dunes: 12, harbour: 21, lighthouse: 31, marina: 15, airfield: 24 };

/**
 * A weather service on loopback that is as unreliable as real ones, but reproducibly:
 *
 *     POST /session         gives the API key, without which everything below answers 401
 *     GET  /stations        is slow
 *     GET  /stations/:id    answers; but `pier` first 503 twice, with `Retry-After: 0`, and `dunes` first 500 once
 *     GET  /forecast        hangs the first time, and answers the second
 *     GET  /satellite       sends a picture that never ends
 *     GET  /radar           always answers 502, as soon as a satellite picture is being sent
 *     POST /bulletins       takes what is posted
 */
export async function startWeatherServer(): Promise<WeatherServer> {
  const exchanges: Exchange[] = [];
  const bulletins: unknown[] = [];
  const events = new EventEmitter();
  const underWay = once(events, 'satellite');
  let open = 0;

  const server = createServer((request, response) => {
    const exchange = record(exchanges, `${request.method} ${request.url}`);
    open++;
    response.once('close', () => {
      open--;
      exchange.cutOff = !response.writableFinished;
      if (response.headersSent) exchange.status = response.statusCode;
      events.emit('close');
    });
    // A handler may still be running after its client has disconnected. Its error is then expected.
    handle(request, response, exchange).catch(() => response.destroy());
  });

  async function handle(request: IncomingMessage, response: ServerResponse, { visit }: Exchange): Promise<void> {
    const [, resource, id = ''] = (request.url ?? '').split('/');
    if (resource === 'session') return reply(response, 200, { apiKey });
    if (request.headers.authorization !== `Bearer ${apiKey}`) return reply(response, 401, 'who are you?');
    if (resource === 'stations' && id === '') return reply(response, 200, Object.keys(winds), 140);
    if (id === 'pier' && visit <= 2) return reply(response, 503, 'station restarts', 50, { 'retry-after': '0' });
    if (id === 'dunes' && visit === 1) return reply(response, 500, 'sensor full of sand', 60);
    if (resource === 'stations' && id in winds) return reply(response, 200, { station: id, wind: winds[id] }, 120);
    if (resource === 'forecast') return visit === 1 ? undefined : reply(response, 200, { text: 'gale by noon' }, 90);
    if (resource === 'satellite') return drip(response, () => events.emit('satellite'));
    if (resource === 'radar') return underWay.then(() => reply(response, 502, 'radar is down', 80));
    if (resource !== 'bulletins') return reply(response, 404, 'no such thing');
    bulletins.push(JSON.parse(await text(request)));
    return reply(response, 201, { number: bulletins.length }, 60);
  }

  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    bulletins,
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

function record(exchanges: Exchange[], request: string): Exchange {
  const visit = exchanges.filter((earlier) => earlier.request === request).length + 1;
  const exchange: Exchange = { request, visit, status: undefined, cutOff: false };
  exchanges.push(exchange);
  return exchange;
}

async function reply(response: ServerResponse, status: number, body: unknown, delay = 10, headers = {}): Promise<void> {
  await sleep(delay);
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Sends a little data now and then, until the client disconnects. */
async function drip(response: ServerResponse, begun: () => void): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  while (!response.destroyed) {
    response.write('pixels');
    begun();
    await sleep(20);
  }
}
