// Actions, defined once. None of them knows which framework serves the request.
import { Orchestrator, type RunOptions, TimeoutError } from 'orchestrator';
import { openWarehouse } from './warehouse.js';

const stock = await openWarehouse();

export interface Visit {
  user: string;
}

export const orchestrator = new Orchestrator<Visit>({ state: { user: 'nobody' } });

const countPieces = orchestrator.action(async function countPieces(id: string) {
  const response = await fetch(`${stock}/stock/${id}`, {
    signal: orchestrator.signal,
    headers: { 'x-deadline-ms': String(Math.max(1, Math.round(orchestrator.remaining))) },
  });
  return response.text();
});

export const loadPage = orchestrator.action(async function loadPage(id: string) {
  return `${orchestrator.getState().user} sees ${await countPieces(id)} of ${id}`;
});

/** A request, as its framework knows it. */
interface Asked {
  /** Method and template of the path, such as `GET /pages/:id`. */
  readonly name: string;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
  /** Milliseconds that the client waits: the header `x-deadline-ms`. */
  readonly deadline: string | readonly string[] | null | undefined;
  readonly user: string | readonly string[] | null | undefined;
}

/** Returns the options of the run of a request. */
export function scopeOf({ name, signal, deadline, user }: Asked): RunOptions<Visit> {
  return { name, signal, timeout: limitIn(deadline), state: { user: String(user ?? 'nobody') } };
}

/**
 * Returns the limit of a request in milliseconds: the time in its header, at most 10 s. A deadline that has passed gives
 * 1 ms, because 0 is no limit.
 */
function limitIn(deadline: Asked['deadline'], most = 10_000): number {
  const left = Number(deadline || most);
  return Number.isNaN(left) ? most : Math.min(Math.max(left, 1), most);
}

/** Returns the answer to a failed request. It gives no internals away. */
export function answerTo(error: unknown): { readonly status: 500 | 504; readonly text: string } {
  return error instanceof TimeoutError ? { status: 504, text: error.message } : { status: 500, text: 'internal error' };
}
