import { randomBytes } from 'node:crypto';
import { actionsOn } from './actions.js';
import { Assets } from './assets.js';
import type { Client, Dashboard, DashboardOptions } from './dashboard.js';
import { codeOf } from './error-codes.js';
import { type Files, filesIn } from './folder.js';
import { bodyOf } from './http/body.js';
import { Guard } from './http/guard.js';
import { refusalOf } from './http/problems.js';
import { Refusal } from './http/refusal.js';
import { headOf, json, problem, toFolder } from './http/responses.js';
import { Router, type Routes } from './http/router.js';
import { basePathOf, originOf, readDashboardOptions } from './options.js';
import { redactorOf } from './redaction/redactor.js';
import { Streams } from './stream/streams.js';
import { EngineClock } from './views/clock.js';
import { eventsPage } from './views/events.js';
import { queuesView, workerViews } from './views/fleet.js';
import { deadLettersView, loopsView } from './views/loops.js';
import { overviewOf } from './views/overview.js';
import { runDetail } from './views/run-detail.js';
import { runsPage } from './views/runs.js';
import { shared } from './views/shared.js';
import type { Watched } from './views/watched.js';

/**
 * Creates a dashboard: a web handler for the page and its API. The handler does not listen by itself: mount it in a
 * server of your own, or call `serveDashboard` instead.
 *
 * @param options - what to show (`distributed`, `loops` or both), and optionally the token, redaction and mount path
 * @returns the handler, its token and `close()`
 * @example
 * const dashboard = createDashboard({ distributed, loops, basePath: '/ops' });
 * app.all('/ops/*', (c) => dashboard.fetch(c.req.raw)); // hono
 * app.use('/ops', nodeListener(dashboard)); // express
 * @throws {ValidationError} if an option is unknown or of the wrong kind, or if both `distributed` and `loops` are
 *   missing
 */
export function createDashboard(options: DashboardOptions): Dashboard {
  return new WebDashboard(readDashboardOptions(options));
}

class WebDashboard implements Dashboard {
  readonly token: string;
  readonly basePath: string;
  readonly #guard: Guard;
  readonly #router: Router;
  readonly #assets: Assets;
  readonly #streams: Streams;
  readonly #watched: Watched;
  readonly #onError: (error: unknown) => void;
  #isClosed = false;

  constructor(options: DashboardOptions) {
    const { token = randomBytes(24).toString('base64url'), actions = true, protectReads = false } = options;
    const { distributed, loops, title = 'orchestrator', assets, onError, origins = [] } = options;
    this.token = token;
    this.basePath = basePathOf(options);
    this.#onError = (error) => {
      if (codeOf(error) !== 'ERR_ENGINE') onError?.(error);
    };
    const redactor = redactorOf(options.redact);
    const watched = { distributed, loops, redactor, clock: new EngineClock(), title, hasActions: actions };
    this.#watched = watched;
    this.#guard = new Guard({
      token,
      actions,
      protectReads,
      origins: origins.map(originOf),
      basePath: this.basePath,
    });
    this.#assets = new Assets(() => (assets === undefined ? builtPage() : filesIn(assets)));
    this.#streams = new Streams(watched, this.#onError);
    this.#router = new Router({ ...viewsOf(watched, this.#streams), ...actionsOn(watched, this.#onError) });
  }

  /** An arrow function, so that `fetch` can be passed on without its dashboard. */
  readonly fetch = async (request: Request, client?: Client): Promise<Response> => {
    const response = await this.#answer(request, clientOf(client)).catch((error) => problem(this.#refusalOf(error)));
    return request.method === 'HEAD' ? headOf(response) : response;
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#streams.close();
  }

  async #answer(request: Request, client: Client): Promise<Response> {
    if (this.#isClosed) throw new Refusal('unavailable', 'the dashboard is closed: create a new one');
    const { pathname, search } = new URL(request.url);
    if (pathname === this.basePath) return toFolder(pathname, search);
    const path = this.#pathIn(pathname);
    return path === 'api' || path.startsWith('api/')
      ? this.#answerApi(request, path, client)
      : this.#assets.answer(request, path);
  }

  async #answerApi(request: Request, path: string, client: Client): Promise<Response> {
    const { isChange, params, answer } = this.#router.match(request.method, path);
    const admission = await (isChange
      ? this.#guard.admitChange(request, client)
      : this.#guard.admitRead(request, client));
    const body = isChange ? await bodyOf(request) : undefined;
    const { searchParams: query } = new URL(request.url);
    const answered = await answer({ request, params, query, body });
    if (!(answered instanceof Response)) return json(answered, { headers: admission });
    for (const [name, value] of Object.entries(admission)) answered.headers.set(name, value);
    return answered;
  }

  /** The path relative to the mount path. A framework may have removed the mount path already. */
  #pathIn(pathname: string): string {
    const isWhole = pathname.startsWith(`${this.basePath}/`);
    return (isWhole ? pathname.slice(this.basePath.length) : pathname).replace(/^\/+/, '');
  }

  #refusalOf(error: unknown): Refusal {
    const refusal = refusalOf(error, this.#watched.redactor.text);
    if (refusal !== undefined) return refusal;
    this.#onError(error);
    return new Refusal('internal', 'internal error: the dashboard reports it to its `onError` option');
  }
}

/** Loads the page when it is first asked for. Programs that only use the API do without. */
async function builtPage(): Promise<Files> {
  return (await import('./built-page.js')).builtPage();
}

/** Reads the client. Servers that call `fetch` directly pass an argument of their own after the request. */
function clientOf(given: unknown): Client {
  const { address } = (given ?? {}) as { readonly address?: unknown };
  return typeof address === 'string' ? { address } : {};
}

function viewsOf(watched: Watched, streams: Streams): Routes {
  const overview = shared(() => overviewOf(watched));
  const detail = shared((runId) => runDetail(watched, runId));
  return {
    'GET api/overview': () => overview(''),
    'GET api/runs': ({ query }) => runsPage(watched, query),
    'GET api/runs/:runId': ({ params }) => detail(params.runId as string),
    'GET api/runs/:runId/events': ({ params, query }) => eventsPage(watched, params.runId as string, query),
    'GET api/workers': () => workerViews(watched),
    'GET api/queues': () => queuesView(watched),
    'GET api/loops': () => loopsView(watched),
    'GET api/dead-letters': ({ query }) => deadLettersView(watched, query),
    'GET api/stream': ({ request, query }) => streams.open(request, query.getAll('run')),
  };
}
