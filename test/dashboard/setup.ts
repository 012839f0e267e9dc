import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDashboard, type DashboardOptions } from 'orchestrator/dashboard';
import { afterEach, expect } from 'vitest';
import type { StreamEvents } from '../../src/dashboard/api/index.js';

export const token = 'a-token-of-this-test';

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Registers a function to call after the test. */
export function afterwards(end: () => unknown): void {
  ends.push(end);
}

/** A dashboard without a server. Requests are passed to it as a framework would. */
export function dashboardOf(options: DashboardOptions) {
  const dashboard = createDashboard({ token, ...options });
  afterwards(() => dashboard.close());
  const origin = 'http://ops.test';
  const fetch = (path: string, init: RequestInit = {}) => dashboard.fetch(new Request(`${origin}${path}`, init));
  /** The JSON at an address, typed as the test expects it. */
  const get = async <Value>(path: string): Promise<Value> => {
    const response = await fetch(path);
    expect(response.status, await response.clone().text()).toBe(200);
    return response.json() as Promise<Value>;
  };
  const post = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return { dashboard, fetch, get, post, origin };
}

/** Starts a server with a listener. Returns its address, without a `/` at its end. */
export async function serverOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Reads the events of a response. */
export class EventReader {
  readonly raw: string[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = '';

  constructor(readonly response: Response) {
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
    afterwards(() => this.cancel());
  }

  /** The next event; `undefined` at the end of the stream. */
  async next(): Promise<{ readonly name: string; readonly data: unknown } | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        this.raw.push(block);
        const found = /^event: (.*)\ndata: (.*)$/s.exec(block);
        if (found !== null) return { name: found[1] as string, data: JSON.parse(found[2] as string) };
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += Buffer.from(value).toString();
    }
  }

  /** The first event with the given name that passes a test. */
  async until<Name extends keyof StreamEvents>(
    name: Name,
    test: (data: StreamEvents[Name]) => boolean = () => true,
  ): Promise<StreamEvents[Name]> {
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      if (event.name === name && test(event.data as StreamEvents[Name])) return event.data as StreamEvents[Name];
    }
    throw new Error(`the stream has ended without such a "${name}"`);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }
}
