import type { Problem } from '../../dashboard/api/index.js';
import { isPlainObject } from '../../shared/validate.js';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.js';
import type { Session } from '../session.js';

/** Options for the address and the token of a running program. */
export interface ProgramFlags {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

const byCode: ReadonlyMap<string, ExitCode> = new Map<string, ExitCode>([
  ['unauthorized', exitCodes.usage],
  ['forbidden', exitCodes.usage],
  ['invalid', exitCodes.usage],
  ['not-found', exitCodes.notFound],
  ['conflict', exitCodes.conflict],
  ['unavailable', exitCodes.unreachable],
]);

/** Milliseconds that a program may take to answer. The limit is high because stopping a loop may take ten seconds. */
const patience = 60_000;

/** A client of the dashboard's API, over HTTP or within this process. */
export class Api {
  constructor(
    private readonly send: (request: Request) => Promise<Response>,
    private readonly base: URL,
    private readonly token: string | undefined,
  ) {}

  /** @param field - a field that every valid answer has, to recognise a dashboard */
  get<Answer extends object>(path: string, field: keyof Answer & string): Promise<Answer> {
    return this.#call(path, { method: 'GET' }, field);
  }

  /** @param field - like `field` of `get`. Default: any answer is accepted */
  post<Answer extends object>(path: string, body: object, field?: keyof Answer & string): Promise<Answer> {
    return this.#call(path, { method: 'POST', body: JSON.stringify(body) }, field);
  }

  async #call<Answer>(path: string, init: RequestInit, field: string | undefined): Promise<Answer> {
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
    };
    const request = new Request(new URL(`api/${path}`, this.base), {
      ...init,
      headers,
      signal: AbortSignal.timeout(patience),
      redirect: 'error',
    });
    const response = await this.#sent(request);
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok && isPlainObject(answer) && (field === undefined || Object.hasOwn(answer, field))) {
      return answer as Answer;
    }
    throw this.#problemOf(response, answer);
  }

  async #sent(request: Request): Promise<Response> {
    try {
      return await this.send(request);
    } catch (cause) {
      throw new CliError(
        `no program answers at ${this.base.origin}: start one with "orchestrator orchestrate", or give its address with --url`,
        exitCodes.unreachable,
        { cause },
      );
    }
  }

  #problemOf({ status }: Response, answer: unknown): CliError {
    if (!isProblem(answer)) {
      return new CliError(
        `${this.base.origin} answers with status ${status} and is not an orchestrator: check --url`,
        exitCodes.unreachable,
      );
    }
    const { code, message } = answer.error;
    if (code === 'unauthorized') {
      const what = this.token === undefined ? 'needs a token' : 'refuses the token';
      return usageError(
        `${this.base.origin} ${what}: give the one that it printed, with --token or ORCHESTRATOR_TOKEN`,
      );
    }
    return new CliError(message, byCode.get(code) ?? exitCodes.failed);
  }
}

/** Checks that an answer is a problem of the API, because the address may belong to some other server. */
function isProblem(answer: unknown): answer is Problem {
  const { code, message } = Object(Object(answer).error) as Partial<Problem['error']>;
  return typeof code === 'string' && typeof message === 'string';
}

/** A client for a program that is already running. */
export function programAt(session: Session, flags: ProgramFlags): Api {
  const { ORCHESTRATOR_URL = '', ORCHESTRATOR_TOKEN = '' } = session.io.env;
  const given = flags.url ?? (ORCHESTRATOR_URL === '' ? 'http://127.0.0.1:4300' : ORCHESTRATOR_URL);
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    const option = flags.url === undefined ? 'ORCHESTRATOR_URL' : '--url';
    throw usageError(`${option} must be an address like http://127.0.0.1:4300, without user and password`);
  }
  // The address that is printed for browsers contains the token in its hash.
  const inHash = new URLSearchParams(url.hash.slice(1)).get('token') ?? '';
  const token = flags.token ?? (ORCHESTRATOR_TOKEN === '' ? inHash : ORCHESTRATOR_TOKEN);
  // Hidden texts are replaced in all messages, so a token that is just a short word would garble them.
  if (!/^([\x21-\x7e]{8,})?$/.test(token)) {
    throw usageError('the token must be at least 8 visible ASCII characters without spaces');
  }
  session.hide(token);
  url.hash = '';
  url.search = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return new Api(fetch, url, token === '' ? undefined : token);
}
