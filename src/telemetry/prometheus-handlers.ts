import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DiagLogger } from '@opentelemetry/api';

/**
 * Handlers that answer requests with the metrics, for servers of the program, which choose the path. Methods other than
 * GET and HEAD are answered with 405, and all requests with 503 once the endpoint is closed. The functions may be
 * passed on without their object.
 *
 * @example
 * app.get('/metrics', endpoint.handler); // express
 * app.get('/metrics', (context) => endpoint.fetch(context.req.raw)); // hono
 * app.get('/metrics', (request, reply) => void endpoint.handler(request.raw, reply.hijack().raw)); // fastify
 */
export interface PrometheusHandlers {
  /** A listener of `node:http`, which express takes as a handler. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * A handler of the Fetch API. Resolves with the response.
   *
   * @param request - a `Request`, or any object with its `method`. Default: a GET request
   */
  readonly fetch: (request?: { readonly method: string }) => Promise<Response>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Returns the metrics as text, or `undefined` if nothing is measured any more. */
type Collect = () => Promise<string | undefined>;

/** @param log - learns of metrics that cannot be collected */
export function handlersOf(collect: Collect, log: Pick<DiagLogger, 'error'>): PrometheusHandlers {
  const answerTo = async (method: string | undefined): Promise<Answer> => {
    if (method !== 'GET' && method !== 'HEAD')
      return plain(405, 'only GET and HEAD are answered', { allow: 'GET, HEAD' });
    try {
      const text = await collect();
      if (text === undefined) return plain(503, 'the endpoint is closed');
      return plain(200, text, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    } catch (error) {
      log.error('metrics for Prometheus cannot be collected', error);
      return plain(500, 'the metrics cannot be collected');
    }
  };
  return {
    handler: async ({ method }, response) => {
      const { status, headers, text } = await answerTo(method);
      // The server may have answered by itself, such as after a limit.
      if (!response.headersSent) response.writeHead(status, headers).end(text);
    },
    fetch: async ({ method } = { method: 'GET' }) => {
      const { status, headers, text } = await answerTo(method);
      return new Response(method === 'HEAD' ? null : text, { status, headers });
    },
  };
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, text, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } };
}
