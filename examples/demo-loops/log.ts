import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

const paths = [
  '/',
  '/search',
  '/cart',
  '/checkout',
  '/login',
  '/api/items',
  '/api/items/42',
  '/static/app.js',
  '/feed',
];
const methods = ['GET', 'GET', 'GET', 'GET', 'POST'];
const statuses = [200, 200, 200, 200, 200, 200, 304, 404, 500, 503];
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64)',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4)',
  'curl/8.5.0',
  'feeds/2.1',
];

/** Writes an access log in the format of web servers, always with the same content. */
export async function writeLog(file: string, lines: number): Promise<void> {
  const random = randomFrom(42);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const stream = createWriteStream(file);
  let time = Date.UTC(2025, 5, 1);
  for (let line = 1; line <= lines; ) {
    const texts: string[] = [];
    for (; texts.length < 2_000 && line <= lines; line++) {
      time += Math.floor(random() * 400);
      const client = `10.${Math.floor(random() * 4)}.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}`;
      const request = `${pick(methods)} ${pick(paths)} HTTP/1.1`;
      const duration = (random() ** 4 * 2).toFixed(3);
      const size = Math.floor(random() * 50_000);
      const date = new Date(time).toISOString();
      texts.push(`${client} - - [${date}] "${request}" ${pick(statuses)} ${size} "${pick(agents)}" ${duration}\n`);
    }
    if (!stream.write(texts.join(''))) await once(stream, 'drain');
  }
  stream.end();
  await finished(stream);
}

/** Creates a generator of pseudo-random numbers from 0 to 1: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
