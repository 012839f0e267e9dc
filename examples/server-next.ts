// A route handler of Next, `app/pages/[id]/route.ts`: each request is one run. Next calls it with a request, whose signal
// aborts when the client leaves, and a context. A small server does the same here, as Next itself is large.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequestListener } from '@remix-run/node-fetch-server';
import { checkServer } from './servers/check.js';
import { answerTo, loadPage, orchestrator, scopeOf } from './servers/shop.js';

function inRun<RouteContext>(
  name: string,
  handler: (request: Request, context: RouteContext) => Response | Promise<Response>,
) {
  return async (request: Request, context: RouteContext): Promise<Response> => {
    const { headers, signal } = request;
    const scope = scopeOf({ name, signal, deadline: headers.get('x-deadline-ms'), user: headers.get('x-user') });
    try {
      return await orchestrator.run(() => handler(request, context), scope);
    } catch (error) {
      const { status, text } = answerTo(error);
      return new Response(text, { status });
    }
  };
}

export const GET = inRun('GET /pages/[id]', async (_request, { params }: { params: Promise<{ id: string }> }) => {
  const { id } = await params;
  return new Response(await loadPage(id));
});

const server = createServer(
  createRequestListener((request) =>
    GET(request, { params: Promise.resolve({ id: request.url.split('/').at(-1) ?? '' }) }),
  ),
);
await once(server.listen(0, '127.0.0.1'), 'listening');
await checkServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'GET /pages/[id]');
server.close().closeAllConnections();
