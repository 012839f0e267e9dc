/** The parts of express that the tests use. The package has no types. */
declare module 'express' {
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

  type Handler = (request: IncomingMessage, response: ServerResponse & { send(body: string): unknown }) => void;

  interface Application extends RequestListener {
    get(path: string, handler: Handler): this;
    use(handler: Handler): this;
    use(path: string, handler: RequestListener): this;
  }

  const express: { (): Application; json(): Handler };
  export default express;
}
