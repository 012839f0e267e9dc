import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Files } from './folder.js';
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

interface Asset {
  readonly type: string;
  readonly tag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer>;
}

/** The page's files, read once. Only files with a known type are served. */
export class Assets {
  #files: Promise<ReadonlyMap<string, Asset>> | undefined = undefined;

  constructor(private readonly read: () => Promise<Files>) {}

  /**
   * @param path - relative to the page; empty for the page itself
   * @throws {Refusal} if there is no such file, or the method is not supported
   */
  async answer(request: Request, path: string): Promise<Response> {
    const name = path === '' ? 'index.html' : path;
    const file = (await this.#read()).get(name);
    if (file === undefined && path === '') {
      throw new Refusal('unavailable', 'the page has not been built: run `npm run build`');
    }
    if (file === undefined) throw new Refusal('not-found', 'there is nothing at this address');
    const { method, headers } = request;
    if (method !== 'GET' && method !== 'HEAD') throw methodRefused(method, ['GET']);
    return responseOf(file, headers);
  }

  /** Reads the files. An empty result is not kept, because the page may be built later. */
  async #read(): Promise<ReadonlyMap<string, Asset>> {
    this.#files ??= this.read().then(assetsOf);
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

async function assetsOf(files: Files): Promise<ReadonlyMap<string, Asset>> {
  const served = [...files].filter(([name]) => extname(name) in types);
  return new Map(await Promise.all(served.map(async ([name, bytes]) => [name, await assetOf(name, bytes)] as const)));
}

async function assetOf(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Asset> {
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  const zipped = new Uint8Array(await promisify(gzip)(bytes, { level: 9 }));
  return { type: types[extname(name)] as string, tag: `W/"${hash}"`, bytes, zipped };
}
