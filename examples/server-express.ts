// express: each request is one run.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { checkServer } from './servers/check.js';
import { answerTo, loadPage, orchestrator, scopeOf } from './servers/shop.js';

function inRun(handler: RequestHandler): RequestHandler {
  return (request, response, next) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const scope = scopeOf({
      name: `${request.method} ${request.route.path}`,
      signal: gone.signal,
      deadline: request.get('x-deadline-ms'),
      user: request.get('x-user'),
    });
    return orchestrator.run(() => handler(request, response, next), scope);
  };
}

const app = express();
app.get(
  '/pages/:id',
  inRun(async ({ params }, response) => {
    response.send(await loadPage(String(params.id)));
  }),
);
app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
  const { status, text } = answerTo(error);
  response.status(status).send(text);
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
await checkServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'GET /pages/:id');
server.close().closeAllConnections();
