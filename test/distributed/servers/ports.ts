import { createServer } from 'node:net';

// Below the range for outgoing connections: otherwise a client that reconnects to a stopped server could get that
// server's port as its own and connect to itself. The node of a Redis cluster also uses the port 10000 above.
const lowest = 10_000;
const count = 12_000;

/** Returns a free port. Another process may still take it first, so the caller must be ready to try another port. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = lowest + Math.floor(Math.random() * count);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error(`found no free port from ${lowest} to ${lowest + count}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
