import type { DistributedOrchestrator } from '../distributed/index.js';
import type { WorkflowOrchestrator } from '../loops/index.js';

/** What `createDashboard` takes. At least one of `distributed` and `loops` is given. */
export interface DashboardOptions {
  /** Whose runs are shown, and what they are acted on with. Default: no runs. */
  readonly distributed?: DistributedOrchestrator | undefined;
  /** Whose loops, queues and dead letters are shown. Default: no loops. */
  readonly loops?: WorkflowOrchestrator | undefined;
  /** What every changing request has to bring. Default: a random one, see `Dashboard.token`. */
  readonly token?: string | undefined;
  /** Whether anything can be changed here. Default: true. */
  readonly actions?: boolean | undefined;
  /** Whether reading needs the token too. Default: false; `serveDashboard` has true where it is not on loopback. */
  readonly protectReads?: boolean | undefined;
  /**
   * Keys whose values are not shown, in context, input, output and messages, besides those that are known (`password`,
   * `token`, `apiKey` and their like, as a whole or at the end of a key, however they are written). `false` shows all.
   */
  readonly redact?: readonly (string | RegExp)[] | false | undefined;
  /** Shown at the top. Default: `orchestrator`. */
  readonly title?: string | undefined;
  /** Path that it is mounted at, such as `/ops`. Default: `/`. */
  readonly basePath?: string | undefined;
}

/** A web handler: `(request) => dashboard.fetch(request)` in anything that speaks the Fetch API. */
export interface Dashboard {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly token: string;
  /** Ends all streams. The orchestrators stay as they are. */
  close(): Promise<void>;
}
