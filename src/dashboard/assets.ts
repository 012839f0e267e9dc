import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Refusal } from './http/refusal.js';
import { respond } from './http/responses.js';
import { methodRefused } from './http/router.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/** Where the package is: of modules in `src`, and of those in `dist`, however these are split. */
const packageRoot = new URL('.', import.meta.url).href.replace(/\/(src|dist)\/(?!.*\/(src|dist)\/).*$/, '/');

/** Where the package has the page. */
export const pageFolder = new URL('dist/dashboard/page/', packageRoot);

let known: string | undefined;

/** The version of the package. */
export function packageVersion(): string {
  known ??= (JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as { version: string }).version;
  return known;
}

interface Asset {
  readonly type: string;
  readonly tag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer>;
}

/** The page's files. They are read once; nothing else in the folder's neighbourhood can be asked for. */
export class Assets {
  #files: Promise<ReadonlyMap<string, Asset>> | undefined = undefined;

  constructor(private readonly folder: URL) {}

  /** @param path - relative to the page; empty for the page itself. @throws {Refusal} */
  async answer(request: Request, path: string): Promise<Response> {
    const name = path === '' ? 'index.html' : path;
    const file = (await this.#read()).get(name);
    if (file === undefined && path === '') {
      throw new Refusal('unavailable', 'the page has not been built: `npm run build` does it');
    }
    if (file === undefined) throw new Refusal('not-found', 'there is nothing at this address');
    const { method, headers } = request;
    if (method !== 'GET' && method !== 'HEAD') throw methodRefused(method, ['GET']);
    return responseOf(file, headers);
  }

  /** A page that is not there may be built later. */
  async #read(): Promise<ReadonlyMap<string, Asset>> {
    this.#files ??= filesIn(this.folder);
    const files = await this.#files;
    if (files.size === 0) this.#files = undefined;
    return files;
  }
}

function responseOf({ type, tag, bytes, zipped }: Asset, asked: Headers): Response {
  const headers = { 'content-type': type, etag: tag, 'cache-control': 'no-cache', vary: 'accept-encoding' };
  if (asked.get('if-none-match')?.includes(tag)) return respond(null, { status: 304, headers });
  const takesZipped = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(asked.get('accept-encoding') ?? '');
  if (!takesZipped || zipped.byteLength >= bytes.byteLength) return respond(bytes, { headers });
  return respond(zipped, { headers: { ...headers, 'content-encoding': 'gzip' } });
}

async function filesIn(folder: URL): Promise<ReadonlyMap<string, Asset>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile() && extname(entry.name) in types).map(({ name }) => name);
  return new Map(await Promise.all(names.map(async (name) => [name, await assetOf(new URL(name, folder))] as const)));
}

async function assetOf(url: URL): Promise<Asset> {
  const bytes = new Uint8Array(await readFile(url));
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  const zipped = new Uint8Array(await promisify(gzip)(bytes, { level: 9 }));
  return { type: types[extname(url.pathname)] as string, tag: `W/"${hash}"`, bytes, zipped };
}
