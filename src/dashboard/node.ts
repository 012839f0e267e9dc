import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createRequestListener } from '@remix-run/node-fetch-server';
import type { Dashboard } from './dashboard.js';
import { Refusal } from './http/refusal.js';
import { problem, toFolder } from './http/responses.js';

/** The parts of a dashboard that a listener needs. */
type Mounted = Pick<Dashboard, 'fetch' | 'basePath'>;

/** A request that express or a similar framework passes on. */
interface MountedRequest extends IncomingMessage {
  /** Mount path, which the framework has removed from `url`. */
  readonly baseUrl?: string;
  /** The complete path, including the mount path. */
  readonly originalUrl?: string;
  /** Body that middleware has already read. The request stream is then empty. */
  readonly body?: unknown;
}

/**
 * Creates a request listener for `node:http` and for frameworks built on it, such as express. Passes the client's
 * address to the dashboard and works behind body-parsing middleware.
 *
 * @param dashboard - created by `createDashboard`, with the option `basePath` if it is mounted below a path
 * @example
 * http.createServer(nodeListener(dashboard)).listen(4300);
 * express().use('/ops', nodeListener(createDashboard({ distributed, basePath: '/ops' })));
 */
export function nodeListener(dashboard: Mounted): RequestListener {
  const onError = () => problem(new Refusal('invalid', 'the request is malformed'));
  return (request: MountedRequest, response: ServerResponse) => {
    const listen = createRequestListener((asked: Request) => answer(dashboard, asked, request), { onError });
    const read = wasRead(request) ? anew(request) : request;
    const { url } = request;
    // A refused body is read to its end, because otherwise the connection could not be used for further requests.
    response.once('finish', () => request.resume());
    // The listener reads `url` synchronously, so that the original value can be restored right after the call.
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

/** Rebuilds a request whose body middleware has already parsed as JSON. */
function anew({ method, headers, socket, body }: MountedRequest): IncomingMessage {
  const stream = Readable.from([Buffer.from(JSON.stringify(body))]);
  return Object.assign(stream, { method, headers, socket }) as unknown as IncomingMessage;
}
