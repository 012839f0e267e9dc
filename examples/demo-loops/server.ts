import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Entries } from './messages.js';

export interface SinkServer {
  readonly url: string;
  readonly requests: number;
  /** Number of requests answered with 503. */
  readonly refused: number;
  /** Number of received lines, without repetitions. */
  readonly lines: number;
  /** Number of lines that were received again. */
  readonly repeated: number;
  /** Number of lines by parser, without repetitions. */
  readonly byParser: ReadonlyMap<string, number>;
  /** Number of lines by status, without repetitions. */
  readonly byStatus: ReadonlyMap<number, number>;
  readonly visitors: number;
  /** Number of lines up to this one that have never arrived. */
  missingUpTo(line: number): number;
  stop(): Promise<void>;
}

/** Milliseconds until the server answers. */
const answerTime = 12;

/**
 * A service on loopback that stores the lines it receives. It identifies lines by their numbers, so repeated lines do
 * not count again. Every fortieth request is answered with 503.
 */
export async function startSinkServer(lines: number): Promise<SinkServer> {
  const times = new Uint16Array(lines + 1);
  const byParser = new Map<string, number>();
  const byStatus = new Map<number, number>();
  const visitors = new Set<string>();
  let requests = 0;
  let refused = 0;
  let arrived = 0;
  let repeated = 0;

  const server = createServer((request, response) => {
    requests++;
    // The client may have disconnected before the answer is sent.
    answer(request, response, requests).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse, number: number): Promise<void> {
    const batch = (await json(request)) as readonly Entries[];
    await sleep(answerTime);
    if (number % 40 === 0) {
      refused++;
      response.writeHead(503).end();
      return;
    }
    for (const entries of batch) keep(entries);
    response.writeHead(204).end();
  }

  function keep({ parser, entries }: Entries): void {
    for (const { line, status, visitor } of entries) {
      const before = times[line] ?? 0;
      times[line] = before + 1;
      if (before > 0) {
        repeated++;
        continue;
      }
      arrived++;
      byParser.set(parser, (byParser.get(parser) ?? 0) + 1);
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      visitors.add(visitor);
    }
  }

  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    byParser,
    byStatus,
    get requests() {
      return requests;
    },
    get refused() {
      return refused;
    },
    get lines() {
      return arrived;
    },
    get repeated() {
      return repeated;
    },
    get visitors() {
      return visitors.size;
    },
    missingUpTo(line) {
      return times.subarray(1, line + 1).filter((count) => count === 0).length;
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
