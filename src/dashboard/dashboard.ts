import type { DistributedOrchestrator } from '../distributed/index.js';
import type { WorkflowOrchestrator } from '../loops/index.js';

/**
 * Options of `createDashboard`: what the dashboard shows, who may read and change it, and its mount path. At least one
 * of `distributed` and `loops` must be given; every other option has a default.
 */
export interface DashboardOptions {
  /** Orchestrator whose runs and workers are shown and controlled. Default: no runs. */
  readonly distributed?: DistributedOrchestrator | undefined;
  /** Orchestrator whose loops, queues and dead letters are shown and controlled. Default: no loops. */
  readonly loops?: WorkflowOrchestrator | undefined;
  /**
   * Token that a request must send if it changes something, as `authorization: Bearer <token>`: at least 8 visible ASCII characters
   * without spaces. Default: a random token, see `Dashboard.token`.
   */
  readonly token?: string | undefined;
  /** If false, the dashboard is read-only: it refuses requests that change something. Default: true. */
  readonly actions?: boolean | undefined;
  /**
   * If true, reading requires the token as well. Default: false. For `serveDashboard`: true unless `host` is a loopback
   * address.
   */
  readonly protectReads?: boolean | undefined;
  /**
   * Additional keys whose values are hidden in contexts, inputs, outputs and messages. A string matches a whole key or
   * the end of a key, regardless of case and separators. Well-known keys (`password`, `token`, `apiKey` and the like)
   * are always hidden, even if the name stands beside its value: `['password', …]`, `{ name: 'password', value: … }`.
   * `false` shows everything. Default: only the well-known keys.
   */
  readonly redact?: readonly (string | RegExp)[] | false | undefined;
  /** Title at the top of the page. Default: `orchestrator`. */
  readonly title?: string | undefined;
  /** Mount path, such as `/ops`, if requests arrive with their whole path. Default: `/`. */
  readonly basePath?: string | undefined;
  /**
   * Public origins of the dashboard, such as `https://ops.example`, if they differ from the origins in its requests,
   * for example behind a proxy that ends TLS or changes the host. Changing requests from pages of these origins are
   * accepted as well. Default: none.
   */
  readonly origins?: readonly string[] | undefined;
  /** Folder with the page's files, ending with `/`. Default: the folder in the package. */
  readonly assets?: URL | undefined;
  /**
   * Called with unexpected errors, such as the errors that cause an answer with status 500. Default: errors are
   * dropped.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * The sender of a request, passed to `Dashboard.fetch`. The address is used to slow down guessing: wrong tokens from
 * one address are answered one after another. `nodeListener` reads the address from the socket.
 */
export interface Client {
  /** IP address of the client. Default: unknown; all clients without an address share one limit for wrong tokens. */
  readonly address?: string | undefined;
}

/**
 * A web handler for the page and its API. Pass `(request) => dashboard.fetch(request)` to anything that speaks the
 * Fetch API (hono, Bun, Deno), or use `nodeListener` for `node:http` and express.
 */
export interface Dashboard {
  /**
   * Answers a request.
   *
   * @param client - the sender, whose wrong tokens are answered one after another. Default: unknown
   */
  readonly fetch: (request: Request, client?: Client) => Promise<Response>;
  /** Token for changing requests: the `token` option, or a random token. */
  readonly token: string;
  /** Mount path without a trailing `/`; empty for the root. */
  readonly basePath: string;
  /** Ends all streams and refuses every later request. The orchestrators keep running. */
  close(): Promise<void>;
}
