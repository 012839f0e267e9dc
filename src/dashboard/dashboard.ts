import type { DistributedOrchestrator } from '../distributed/index.js';
import type { WorkflowOrchestrator } from '../loops/index.js';

/** What `createDashboard` takes. At least one of `distributed` and `loops` is given. */
export interface DashboardOptions {
  /** Whose runs are shown, and what they are acted on with. Default: no runs. */
  readonly distributed?: DistributedOrchestrator | undefined;
  /** Whose loops, queues and dead letters are shown. Default: no loops. */
  readonly loops?: WorkflowOrchestrator | undefined;
  /**
   * What every changing request has to bring: at least 8 visible ASCII characters, without spaces. Default: a random one,
   * see `Dashboard.token`.
   */
  readonly token?: string | undefined;
  /** Whether anything can be changed here. Default: true. */
  readonly actions?: boolean | undefined;
  /** Whether reading needs the token too. Default: false; `serveDashboard` has true where it is not on loopback. */
  readonly protectReads?: boolean | undefined;
  /**
   * Keys whose values are not shown, in context, input, output and messages, besides those that are known (`password`,
   * `token`, `apiKey` and their like, as a whole or at the end of a key, however they are written, also where the name
   * stands beside its value: `['password', …]`, `{ name: 'password', value: … }`). `false` shows all.
   */
  readonly redact?: readonly (string | RegExp)[] | false | undefined;
  /** Shown at the top. Default: `orchestrator`. */
  readonly title?: string | undefined;
  /** Path that it is mounted at, such as `/ops`, where requests come with their whole path. Default: `/`. */
  readonly basePath?: string | undefined;
  /**
   * Where browsers see it, such as `https://ops.example`, if that is not what its requests say: behind a proxy that ends
   * TLS, or that changes the host. Changing requests are taken from pages of these origins too. Default: none.
   */
  readonly origins?: readonly string[] | undefined;
  /** Folder of the page's files, with a `/` at its end. Default: that of the package. */
  readonly assets?: URL | undefined;
  /** Told of what has gone wrong inside: a request that was answered with 500. Default: nobody is. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Sender of a request. */
export interface Client {
  /** IP address that the request came from. Default: not known; wrong tokens of all such clients are counted together. */
  readonly address?: string | undefined;
}

/** A web handler: `(request) => dashboard.fetch(request)` in anything that speaks the Fetch API. */
export interface Dashboard {
  /** @param client - whose wrong tokens are answered one after another. `nodeListener` gives it. Default: not known */
  readonly fetch: (request: Request, client?: Client) => Promise<Response>;
  readonly token: string;
  /** Path that it is mounted at, without a `/` at its end: empty for the root. */
  readonly basePath: string;
  /** Ends all streams, and answers nothing more. The orchestrators stay as they are. */
  close(): Promise<void>;
}
