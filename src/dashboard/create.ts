import { randomBytes } from 'node:crypto';
import { EngineError } from '../distributed/index.js';
import { actionsOn } from './actions.js';
import { Assets } from './assets.js';
import { builtPage } from './built-page.js';
import type { Client, Dashboard, DashboardOptions } from './dashboard.js';
import { filesIn } from './folder.js';
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
 * Makes a dashboard: a web handler with the page and all that it shows. It listens nowhere itself; see `serveDashboard`.
 *
 * @example
 * const dashboard = createDashboard({ distributed, loops, basePath: '/ops' });
 * app.all('/ops/*', (c) => dashboard.fetch(c.req.raw)); // hono
 * app.use('/ops', nodeListener(dashboard)); // express
 * @throws {ValidationError} for an option that is unknown or of the wrong kind, or where there is nothing to be shown
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
      if (!(error instanceof EngineError)) onError?.(error);
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
    this.#assets = new Assets(assets === undefined ? builtPage : () => filesIn(assets));
    this.#streams = new Streams(watched, this.#onError);
    this.#router = new Router({ ...viewsOf(watched, this.#streams), ...actionsOn(watched, this.#onError) });
  }

  /** A field, so that it can be handed on by itself. */
  readonly fetch = async (request: Request, client?: Client): Promise<Response> => {
    const response = await this.#answer(request, clientOf(client)).catch((error) => problem(this.#refusalOf(error)));
    return request.method === 'HEAD' ? headOf(response) : response;
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#streams.close();
  }

  async #answer(request: Request, client: Client): Promise<Response> {
    if (this.#isClosed) throw new Refusal('unavailable', 'the dashboard was closed');
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

  /** Relative to where it is mounted. Who mounts it may have taken that away already. */
  #pathIn(pathname: string): string {
    const isWhole = pathname.startsWith(`${this.basePath}/`);
    return (isWhole ? pathname.slice(this.basePath.length) : pathname).replace(/^\/+/, '');
  }

  #refusalOf(error: unknown): Refusal {
    const refusal = refusalOf(error, this.#watched.redactor.text);
    if (refusal !== undefined) return refusal;
    this.#onError(error);
    return new Refusal('internal', 'something has gone wrong; `onError` of the dashboard is told what');
  }
}

/** Servers that call `fetch` themselves give something of their own beside the request. */
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
