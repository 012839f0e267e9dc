import type { Problem } from '../api/index.js';
import type { Refusal } from './refusal.js';

/**
 * Security headers of every response. The page loads and runs only its own files, and other sites can neither embed it
 * nor read its responses.
 */
const security: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;

export interface ResponseOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Creates a response with the common headers. */
export function respond(body: Body, { status = 200, headers = {} }: ResponseOptions = {}): Response {
  return new Response(body, { status, headers: { 'cache-control': 'no-store', ...security, ...headers } });
}

export function json(value: unknown, options: ResponseOptions = {}): Response {
  const headers = { 'content-type': 'application/json; charset=utf-8', ...options.headers };
  return respond(JSON.stringify(value), { ...options, headers });
}

export function problem({ code, message, status, headers }: Refusal): Response {
  return json({ error: { code, message } } satisfies Problem, { status, headers });
}

/**
 * Redirects to the same address with a trailing `/`, because the page loads its files relative to its own address. The
 * location is relative, so that no path can lead to another host.
 */
export function toFolder(path: string, search: string): Response {
  const location = `./${path.slice(path.lastIndexOf('/') + 1)}/${search}`;
  return respond(null, { status: 308, headers: { location } });
}

/** The response without its body. */
export function headOf(response: Response): Response {
  void response.body?.cancel();
  return new Response(null, { status: response.status, headers: response.headers });
}
