import type { Problem } from '../../dashboard/api/index.js';
import { isPlainObject } from '../../shared/validate.js';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.js';
import type { Session } from '../session.js';

/** Options that say where a running program is. */
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

/** How long a program may take to answer, in milliseconds: a loop that is stopped has ten seconds to end. */
const patience = 60_000;

/** What a dashboard answers, over HTTP or in this program. */
export class Api {
  constructor(
    private readonly send: (request: Request) => Promise<Response>,
    private readonly base: URL,
    private readonly token: string | undefined,
  ) {}

  /** @param field - what the answer has where a dashboard has given it */
  get<Answer extends object>(path: string, field: keyof Answer & string): Promise<Answer> {
    return this.#call(path, { method: 'GET' }, field);
  }

  /** @param field - the same; by default nothing is expected of the answer */
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
        `no program answers at ${this.base.origin}: start one with "orchestrator orchestrate", or say where it is with --url`,
        exitCodes.unreachable,
        { cause },
      );
    }
  }

  #problemOf({ status }: Response, answer: unknown): CliError {
    if (!isProblem(answer)) {
      return new CliError(`${this.base.origin} answers with ${status}, and is no orchestrator`, exitCodes.unreachable);
    }
    const { code, message } = answer.error;
    if (code === 'unauthorized') {
      const what = this.token === undefined ? 'needs a token' : 'refuses the token';
      return usageError(`${this.base.origin} ${what}: give what it has printed with --token or ORCHESTRATOR_TOKEN`);
    }
    return new CliError(message, byCode.get(code) ?? exitCodes.failed);
  }
}

/** Anything may listen where a program is expected. */
function isProblem(answer: unknown): answer is Problem {
  const { code, message } = Object(Object(answer).error) as Partial<Problem['error']>;
  return typeof code === 'string' && typeof message === 'string';
}

/** A program that runs already. */
export function programAt(session: Session, flags: ProgramFlags): Api {
  const { ORCHESTRATOR_URL = '', ORCHESTRATOR_TOKEN = '' } = session.io.env;
  const given = flags.url ?? (ORCHESTRATOR_URL === '' ? 'http://127.0.0.1:4300' : ORCHESTRATOR_URL);
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    const option = flags.url === undefined ? 'ORCHESTRATOR_URL' : '--url';
    throw usageError(`${option} must be an address like http://127.0.0.1:4300, without user and password`);
  }
  // The address that is printed for browsers has the token behind its path.
  const inHash = new URLSearchParams(url.hash.slice(1)).get('token') ?? '';
  const token = flags.token ?? (ORCHESTRATOR_TOKEN === '' ? inHash : ORCHESTRATOR_TOKEN);
  // No program has a shorter one. What is hidden is taken out of messages wherever it stands, so it must be no mere word.
  if (!/^([\x21-\x7e]{8,})?$/.test(token)) {
    throw usageError('the token must be at least 8 visible ASCII characters without spaces');
  }
  session.hide(token);
  url.hash = '';
  url.search = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return new Api(fetch, url, token === '' ? undefined : token);
}
