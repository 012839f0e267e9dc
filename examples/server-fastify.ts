// fastify: each request is one run.
import { type FastifyReply, type FastifyRequest, fastify, type RouteGenericInterface } from 'fastify';
import { checkServer } from './servers/check.js';
import { answerTo, loadPage, orchestrator, scopeOf } from './servers/shop.js';

function inRun<Route extends RouteGenericInterface>(
  handler: (request: FastifyRequest<Route>, reply: FastifyReply) => unknown,
) {
  return (request: FastifyRequest<Route>, reply: FastifyReply) => {
    const { headers, method, routeOptions, signal } = request;
    const scope = scopeOf({
      name: `${method} ${routeOptions.url}`,
      signal,
      deadline: headers['x-deadline-ms'],
      user: headers['x-user'],
    });
    return orchestrator.run(() => handler(request, reply), scope);
  };
}

const app = fastify({ forceCloseConnections: true });
app.get(
  '/pages/:id',
  inRun<{ Params: { id: string } }>(({ params }) => loadPage(params.id)),
);
app.setErrorHandler((error, _request, reply) => {
  const { status, text } = answerTo(error);
  return reply.code(status).send(text);
});

const url = await app.listen({ port: 0, host: '127.0.0.1' });
await checkServer(url, 'GET /pages/:id');
await app.close();
