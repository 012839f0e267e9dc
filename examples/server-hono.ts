// hono: each request is one run. The same lines serve Bun, Deno and workers, whose requests have a signal, too.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { routePath } from 'hono/route';
import { checkServer } from './servers/check.js';
import { answerTo, loadPage, orchestrator, scopeOf } from './servers/shop.js';

function inRun(handler: (context: Context) => Promise<Response>) {
  return (context: Context) => {
    const { method, raw } = context.req;
    const scope = scopeOf({
      name: `${method} ${routePath(context)}`,
      signal: raw.signal,
      deadline: context.req.header('x-deadline-ms'),
      user: context.req.header('x-user'),
    });
    return orchestrator.run(() => handler(context), scope);
  };
}

const app = new Hono();
app.get(
  '/pages/:id',
  inRun(async (context) => context.text(await loadPage(context.req.param('id') as string))),
);
app.onError((error, context) => {
  const { status, text } = answerTo(error);
  return context.text(text, status);
});

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
await once(server, 'listening');
await checkServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'GET /pages/:id');
server.close();
if ('closeAllConnections' in server) server.closeAllConnections();
