// A service that the servers of these examples call. It answers at once, except for `slow`, which gets no answer.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Emits `asked` with the deadline in the header of each request, and `cut` when a request is given up. */
export const warehouse = new EventEmitter<{ asked: [deadline: number]; cut: [] }>();

const server = createServer((request, response) => {
  response.once('close', () => response.writableFinished || warehouse.emit('cut'));
  warehouse.emit('asked', Number(request.headers['x-deadline-ms']));
  if (!request.url?.endsWith('/slow')) response.end('7 pieces');
});

export async function openWarehouse(): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function closeWarehouse(): void {
  server.close().closeAllConnections();
}
