import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createRequestListener } from '@remix-run/node-fetch-server';
import type { Dashboard } from './dashboard.js';
import { Refusal } from './http/refusal.js';
import { problem, toFolder } from './http/responses.js';

/** What a listener hands requests on to. */
type Mounted = Pick<Dashboard, 'fetch' | 'basePath'>;

/** A request, as express and its like hand it on. */
interface MountedRequest extends IncomingMessage {
  /** The path that was taken away from `url`. */
  readonly baseUrl?: string;
  /** The path before that. */
  readonly originalUrl?: string;
  /** What somebody has read before. The request has no body any more then. */
  readonly body?: unknown;
}

/**
 * A listener for `node:http` and whatever is built on it.
 *
 * @example
 * http.createServer(nodeListener(dashboard)).listen(4300);
 * express().use('/ops', nodeListener(createDashboard({ distributed, basePath: '/ops' })));
 */
export function nodeListener(dashboard: Mounted): RequestListener {
  const onError = () => problem(new Refusal('invalid', 'this is no request that can be understood'));
  return (request: MountedRequest, response: ServerResponse) => {
    const listen = createRequestListener((asked: Request) => answer(dashboard, asked, request), { onError });
    const read = wasRead(request) ? anew(request) : request;
    const { url } = request;
    // What was refused unread is read all the same: the connection is good for nothing else before.
    response.once('finish', () => request.resume());
    // It is looked at at once, and by nobody else meanwhile.
    read.url = wholeUrl(dashboard, request);
    listen(read, response);
    read.url = url;
  };
}

async function answer({ fetch }: Mounted, asked: Request, request: MountedRequest): Promise<Response> {
  const { baseUrl = '', originalUrl = '' } = request;
  const [path = ''] = originalUrl.split('?', 1);
  const response = await (baseUrl === '' || path !== baseUrl
    ? fetch(asked, { address: request.socket.remoteAddress })
    : toFolder(path, originalUrl.slice(path.length)));
  await asked.body?.cancel().catch(() => undefined);
  return response;
}

function wholeUrl({ basePath }: Mounted, { url = '/', originalUrl }: MountedRequest): string {
  return basePath !== '' && originalUrl?.startsWith(`${basePath}/`) ? originalUrl : url;
}

function wasRead({ body, readableEnded }: MountedRequest): boolean {
  return readableEnded && body !== undefined;
}

/** What middleware has read as JSON is there to be read once more. */
function anew({ method, headers, socket, body }: MountedRequest): IncomingMessage {
  const stream = Readable.from([Buffer.from(JSON.stringify(body))]);
  return Object.assign(stream, { method, headers, socket }) as unknown as IncomingMessage;
}
