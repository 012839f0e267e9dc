import type { Problem } from '../../src/dashboard/api/index.js';
import { setToken, token } from './session.js';

/** A request that the server refused or did not answer. */
export class RequestError extends Error {
  constructor(
    message: string,
    /** Code as in `Problem`, or `offline` if the server did not answer. */
    readonly code: string,
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

export async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return (await ask(path, { headers: authorization(), ...(signal === undefined ? {} : { signal }) })) as Answer;
}

export async function post<Answer>(path: string, body: object = {}): Promise<Answer> {
  const headers = { ...authorization(), 'content-type': 'application/json' };
  return (await ask(path, { method: 'POST', headers, body: JSON.stringify(body) })) as Answer;
}

function authorization(): Record<string, string> {
  return token.value === undefined ? {} : { authorization: `Bearer ${token.value}` };
}

async function ask(path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`api/${path}`, { ...init, cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RequestError('The server does not answer.', 'offline');
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  const problem = (answer as Partial<Problem> | undefined)?.error;
  if (response.status === 401) setToken(undefined);
  throw new RequestError(problem?.message ?? `The server answered ${response.status}.`, problem?.code ?? 'internal');
}
