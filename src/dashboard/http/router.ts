import { idOf } from '../api/index.js';
import { Refusal } from './refusal.js';

/** A request that is passed to a route. */
export interface Call {
  readonly request: Request;
  /** Parameters in the path, by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The parsed body of a `POST`. */
  readonly body: unknown;
}

/** Returns a value that is sent as JSON, or a complete response. */
type Answerer = (call: Call) => unknown;

/** Handlers by method and path: `GET api/runs/:runId`. */
export type Routes = Readonly<Record<string, Answerer>>;

interface Route {
  readonly method: string;
  readonly segments: readonly string[];
  readonly answer: Answerer;
}

export interface Match {
  readonly isChange: boolean;
  readonly params: Readonly<Record<string, string>>;
  readonly answer: Answerer;
}

/** Finds the handler of a request. */
export class Router {
  readonly #routes: readonly Route[];

  constructor(routes: Routes) {
    this.#routes = Object.entries(routes).map(([name, answer]) => {
      const [method = '', path = ''] = name.split(' ');
      return { method, segments: path.split('/'), answer };
    });
  }

  /** @throws {Refusal} if the path is unknown or does not support the method */
  match(method: string, path: string): Match {
    const segments = path.split('/');
    const found = this.#routes.filter((route) => fits(route, segments));
    if (found.length === 0) throw new Refusal('not-found', 'there is nothing at this address');
    const asked = method === 'HEAD' ? 'GET' : method;
    const route = found.find((one) => one.method === asked);
    if (route === undefined)
      throw methodRefused(
        method,
        found.map((one) => one.method),
      );
    return { isChange: asked !== 'GET', params: paramsOf(route, segments), answer: route.answer };
  }
}

export function methodRefused(method: string, taken: readonly string[]): Refusal {
  const allow = taken.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])).join(', ');
  return new Refusal('invalid', `the method must be ${allow}, got ${method}`, { status: 405, headers: { allow } });
}

function fits(route: Route, segments: readonly string[]): boolean {
  return (
    route.segments.length === segments.length &&
    route.segments.every((name, index) => name.startsWith(':') || name === segments[index])
  );
}

function paramsOf(route: Route, segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [index, name] of route.segments.entries()) {
    if (name.startsWith(':')) params[name.slice(1)] = decoded(segments[index] as string);
  }
  return params;
}

function decoded(segment: string): string {
  try {
    return idOf(segment);
  } catch {
    throw new Refusal('invalid', 'the address is not encoded correctly');
  }
}
