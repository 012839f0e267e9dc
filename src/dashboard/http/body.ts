import { Refusal } from './refusal.js';

/** Maximum size of a request body, in bytes. */
const mostBytes = 2 ** 20;

/**
 * Reads the JSON body of a request. An empty body becomes an empty object.
 *
 * @throws {Refusal} if the body is too large or not JSON
 */
export async function bodyOf(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Refusal('invalid', 'content-type must be application/json', { status: 415 });
  }
  const text = await textOf(request);
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('invalid', 'the body must be JSON');
  }
}

async function textOf({ body, headers }: Request): Promise<string> {
  if (Number(headers.get('content-length')) > mostBytes) throw tooLarge();
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > mostBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function tooLarge(): Refusal {
  return new Refusal('invalid', `the body must be at most ${mostBytes} bytes`, { status: 413 });
}
