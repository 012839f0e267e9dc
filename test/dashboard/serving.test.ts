import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type createServer, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { serve } from '@hono/node-server';
import express from 'express';
import { Hono } from 'hono';
import { createDashboard, ListenError, nodeListener, serveDashboard } from 'orchestrator/dashboard';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import type { Overview } from '../../src/dashboard/api/index.js';
import { fleetOf } from '../distributed/fleet.js';
import { eventually } from '../distributed/servers/eventually.js';
import { rejection } from '../support.js';
import { afterwards, dashboardOf, EventReader, serverOf, token } from './setup.js';

const script = `// ${'a script '.repeat(100)}`;

/** A folder with a page, and with files that do not belong to it. */
async function pageFolder(): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'page-'));
  afterwards(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'index.html'), '<!doctype html><script src="page.js"></script>');
  await writeFile(join(folder, 'page.js'), script);
  await writeFile(join(folder, 'page.css'), 'a{}');
  await writeFile(join(folder, 'icon.svg'), '<svg/>');
  await writeFile(join(folder, 'secrets.txt'), 'none of the page');
  return pathToFileURL(`${folder}/`);
}

const fleet = (workers = 0) =>
  fleetOf(
    new Flow('f').node('a', () => 1),
    { workers },
  );
const change = (body: object = {}) => ({
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** The status of the answer to a request over a raw connection. */
function answerTo(url: string, path: string, headers: Record<string, string>): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode as number);
    });
    request.on('error', reject).end();
  });
}

describe('the page', () => {
  it('is served with its files and types, and sent again only if it has changed', async () => {
    const { orchestrator } = await fleet();
    const { fetch } = dashboardOf({ distributed: orchestrator, assets: await pageFolder() });
    for (const [path, type] of [
      ['/', 'text/html; charset=utf-8'],
      ['/index.html', 'text/html; charset=utf-8'],
      ['/page.js', 'text/javascript; charset=utf-8'],
      ['/page.css', 'text/css; charset=utf-8'],
      ['/icon.svg', 'image/svg+xml'],
    ]) {
      const response = await fetch(path as string);
      expect([path, response.status, response.headers.get('content-type')]).toEqual([path, 200, type]);
      expect(response.headers.get('cache-control')).toBe('no-cache');
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      const etag = response.headers.get('etag') as string;
      const again = await fetch(path as string, { headers: { 'if-none-match': `"x", ${etag}` } });
      expect([again.status, again.body]).toEqual([304, null]);
      expect((await fetch(path as string, { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
    }
    expect(await (await fetch('/page.js')).text()).toBe(script);
  });

  it('is compressed for clients that support it', async () => {
    const { orchestrator } = await fleet();
    const { fetch } = dashboardOf({ distributed: orchestrator, assets: await pageFolder() });
    const zipped = await fetch('/page.js', { headers: { 'accept-encoding': 'br, gzip;q=0.8' } });
    expect(zipped.headers.get('content-encoding')).toBe('gzip');
    expect(zipped.headers.get('vary')).toBe('accept-encoding');
    expect(gunzipSync(Buffer.from(await zipped.arrayBuffer())).toString()).toBe(script);
    for (const [path, encoding] of [
      ['/page.js', 'gzip;q=0'],
      ['/page.css', 'gzip'],
    ] as const) {
      const plain = await fetch(path, { headers: { 'accept-encoding': encoding } });
      expect(plain.headers.get('content-encoding')).toBeNull();
    }
  });

  it('is the only content, and read-only', async () => {
    const { orchestrator } = await fleet();
    const { fetch } = dashboardOf({ distributed: orchestrator, assets: await pageFolder() });
    for (const path of ['/secrets.txt', '/../setup.ts', '/..%2fsetup.ts', '/page.js/', '/__proto__', '/a/page.js']) {
      expect([path, (await fetch(path)).status]).toEqual([path, 404]);
    }
    expect((await fetch('/page.js', { method: 'POST' })).status).toBe(405);
    const head = await fetch('/', { method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, null]);
  });

  it('reports that it has not been built, and is served once it has', async () => {
    const { orchestrator } = await fleet();
    const folder = await mkdtemp(join(tmpdir(), 'page-'));
    afterwards(() => rm(folder, { recursive: true }));
    const { fetch } = dashboardOf({ distributed: orchestrator, assets: pathToFileURL(`${folder}/none/`) });
    const response = await fetch('/');
    expect(response.status).toBe(503);
    expect(((await response.json()) as { error: { message: string } }).error.message).toContain('npm run build');
    const other = dashboardOf({ distributed: orchestrator, assets: pathToFileURL(`${folder}/`) });
    expect((await other.fetch('/')).status).toBe(503);
    await writeFile(join(folder, 'index.html'), 'there');
    expect(await (await other.fetch('/')).text()).toBe('there');
  });
});

describe('mounted', () => {
  it.each(['/ops', '/ops/', '/a/b/ops'])('at %s, has its addresses below it', async (basePath) => {
    const { orchestrator } = await fleet();
    const { dashboard, fetch } = dashboardOf({ distributed: orchestrator, basePath, assets: await pageFolder() });
    const base = basePath.replace(/\/$/, '');
    expect(dashboard.basePath).toBe(base);
    const redirect = await fetch(`${base}?x=1`);
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, './ops/?x=1']);
    expect((await fetch(`${base}/`)).headers.get('content-type')).toContain('text/html');
    expect((await fetch(`${base}/page.js`)).status).toBe(200);
    expect((await fetch(`${base}//api/overview`)).status).toBe(200);
    expect((await fetch(`${base}x/api/overview`)).status).toBe(404);
  });

  it('in node:http', async () => {
    const { orchestrator } = await fleet();
    const { dashboard } = dashboardOf({ distributed: orchestrator, assets: await pageFolder() });
    const url = await serverOf(nodeListener(dashboard));
    expect(((await (await fetch(`${url}/api/overview`)).json()) as Overview).title).toBe('orchestrator');
    const runId = await orchestrator.startRun();
    expect((await fetch(`${url}/api/runs/${runId}/pause`, change())).status).toBe(200);
    expect(await orchestrator.status(runId)).toBe('paused');
    expect((await fetch(`${url}/api/runs/${runId}/pause`, { ...change(), headers: {} })).status).toBe(401);
    const reader = new EventReader(await fetch(`${url}/api/stream`));
    expect((await reader.until('overview')).distributed?.runs.paused).toBe(1);
  });

  it.each(['', '/ops'])('in express at /ops, with the base path "%s"', async (basePath) => {
    const { orchestrator } = await fleet();
    const options = basePath === '' ? {} : { basePath };
    const { dashboard } = dashboardOf({ distributed: orchestrator, assets: await pageFolder(), ...options });
    const app = express();
    app.get('/other', (_, response) => void response.send('other'));
    app.use('/ops', nodeListener(dashboard));
    const url = await serverOf(app);
    expect(await (await fetch(`${url}/other`)).text()).toBe('other');
    const redirect = await fetch(`${url}/ops?x=1`, { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, './ops/?x=1']);
    const page = await fetch(`${url}/ops`);
    expect([page.url, page.headers.get('content-type')]).toEqual([`${url}/ops/`, 'text/html; charset=utf-8']);
    expect(await (await fetch(new URL('page.js', page.url))).text()).toBe(script);
    const runId = await orchestrator.startRun({}, undefined, { runId: 'a/b?c' });
    expect((await fetch(`${url}/ops/api/runs/${encodeURIComponent(runId)}/pause`, change())).status).toBe(200);
    expect(await orchestrator.status(runId)).toBe('paused');
    const reader = new EventReader(await fetch(`${url}/ops/api/stream?run=x`));
    await reader.until('overview');
  });

  it('in express behind a body parser', async () => {
    const { orchestrator } = await fleet();
    const { dashboard } = dashboardOf({ distributed: orchestrator });
    const app = express();
    app.use(express.json());
    app.use('/ops', nodeListener(dashboard));
    const url = await serverOf(app);
    const runId = await orchestrator.startRun();
    expect((await fetch(`${url}/ops/api/runs/${runId}/cancel`, change({ reason: 'because' }))).status).toBe(200);
    expect((await orchestrator.run(runId)).error).toBe('because');
    expect((await fetch(`${url}/ops/api/overview`)).status).toBe(200);
  });

  it('in hono, by route and by mount', async () => {
    const { orchestrator } = await fleet();
    const assets = await pageFolder();
    const { dashboard } = dashboardOf({ distributed: orchestrator, basePath: '/ops', assets });
    const { dashboard: plain } = dashboardOf({ distributed: orchestrator, assets });
    const app = new Hono();
    app.all('/ops/*', (context) => dashboard.fetch(context.req.raw));
    app.mount('/mounted', plain.fetch);
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    await new Promise((resolve) => server.once('listening', resolve));
    afterwards(() => {
      (server as ReturnType<typeof createServer>).closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const page = await fetch(`${url}/ops`);
    expect([page.url, page.headers.get('content-type')]).toEqual([`${url}/ops/`, 'text/html; charset=utf-8']);
    for (const base of ['ops', 'mounted']) {
      const runId = await orchestrator.startRun({}, undefined, { runId: `${base}/<1>` });
      const address = `${url}/${base}/api/runs/${encodeURIComponent(runId)}/pause`;
      expect((await fetch(address, { ...change(), headers: { ...change().headers, origin: url } })).status).toBe(200);
      expect((await fetch(address, { ...change(), headers: { ...change().headers, origin: 'http://x' } })).status).toBe(
        403,
      );
      expect(await orchestrator.status(runId)).toBe('paused');
      const gone = new AbortController();
      const reader = new EventReader(await fetch(`${url}/${base}/api/stream`, { signal: gone.signal }));
      await reader.until('overview');
      gone.abort();
    }
  });

  it('keeps a connection whose last request was refused before its end', async () => {
    const { orchestrator } = await fleet();
    const { dashboard } = dashboardOf({ distributed: orchestrator });
    const url = await serverOf(nodeListener(dashboard));
    const body = 'x'.repeat(5_000_000);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const head = `host: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
    socket.write(`POST /api/runs/x/pause HTTP/1.1\r\n${head}\r\n\r\n${body}`);
    socket.write('GET /api/workers HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 401', 'HTTP/1.1 200']);
  });

  it('answers a malformed request', async () => {
    const { orchestrator } = await fleet();
    const { dashboard } = dashboardOf({ distributed: orchestrator });
    const url = await serverOf(nodeListener(dashboard));
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET http://[ HTTP/1.1\r\nhost: x y\r\nconnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"code":"invalid"');
  });
});

describe('serveDashboard', () => {
  it('listens on loopback, and ends everything when it is closed', async () => {
    const { orchestrator } = await fleet();
    const server = await serveDashboard({ distributed: orchestrator, port: 0, basePath: '/ops' });
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/ops\/$/);
    expect(server.token).toMatch(/^[\w-]{32}$/);
    expect((await fetch(new URL('api/overview', server.url))).status).toBe(200);
    const reader = new EventReader(await fetch(new URL('api/stream', server.url)));
    await reader.until('overview');
    await server.close();
    while ((await reader.next()) !== undefined);
    await expect(fetch(server.url)).rejects.toThrow();
    await server.close();
  });

  it('reports why it cannot listen', async () => {
    const { orchestrator } = await fleet();
    const first = await serveDashboard({ distributed: orchestrator, port: 0 });
    afterwards(() => first.close());
    const port = Number(new URL(first.url).port);
    const error = await rejection(serveDashboard({ distributed: orchestrator, port }));
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({
      code: 'ERR_LISTEN',
      host: '127.0.0.1',
      port,
      message: `cannot listen at 127.0.0.1, port ${port}: the port is in use; choose another port, or 0 for any free port`,
      cause: { code: 'EADDRINUSE' },
    });
    const far = await rejection(serveDashboard({ distributed: orchestrator, host: '203.0.113.1', port: 0 }));
    expect((far as Error).message).toMatch(/^cannot listen at 203\.0\.113\.1, port 0: .*EADDRNOTAVAIL/);
    for (const options of [{ port: 65_536 }, { port: 1.5 }, { host: '' }, { prot: 1 }]) {
      const refused = await rejection(serveDashboard({ distributed: orchestrator, ...options } as object));
      expect(refused).toMatchObject({
        code: 'ERR_VALIDATION',
        message: expect.stringContaining(Object.keys(options)[0] as string),
      });
    }
  });

  it('accepts only host names of this machine', async () => {
    const { orchestrator } = await fleet();
    const server = await serveDashboard({ distributed: orchestrator, port: 0, origins: ['https://ops.example'] });
    afterwards(() => server.close());
    const { port } = new URL(server.url);
    for (const [host, status] of [
      [`127.0.0.1:${port}`, 200],
      [`localhost:${port}`, 200],
      [`LOCALHOST:${port}`, 200],
      [`[::1]:${port}`, 200],
      ['ops.example', 200],
      [`evil.example:${port}`, 403],
      [`localhost.:${port}`, 403],
      [`127.1:${port}`, 403],
      [`evil.example#127.0.0.1:${port}`, 403],
      [`127.0.0.1:${port}@evil.example`, 400],
      [`evil@127.0.0.1:${port}`, 400],
      ['localhost', 403],
      [`localhost.evil.example:${port}`, 403],
    ] as const) {
      expect([host, await answerTo(server.url, '/api/overview', { host })]).toEqual([host, status]);
    }
  });

  it('protects reads if other machines can reach it', async () => {
    const { orchestrator } = await fleet();
    const server = await serveDashboard({ distributed: orchestrator, port: 0, host: '0.0.0.0', token });
    afterwards(() => server.close());
    expect(server.url).toMatch(/^http:\/\/localhost:\d+\/$/);
    const url = server.url.replace('localhost', '127.0.0.1');
    expect(await answerTo(url, '/api/overview', {})).toBe(401);
    expect(await answerTo(url, '/api/overview', { authorization: `Bearer ${token}`, host: 'any.example' })).toBe(200);
    const open = await serveDashboard({ distributed: orchestrator, port: 0, host: '0.0.0.0', protectReads: false });
    afterwards(() => open.close());
    expect(await answerTo(open.url.replace('localhost', '127.0.0.1'), '/api/overview', {})).toBe(200);
  });

  it('accepts IPv6 addresses', async () => {
    const { orchestrator } = await fleet();
    for (const host of ['::1', '[::1]']) {
      const server = await serveDashboard({ distributed: orchestrator, port: 0, host });
      afterwards(() => server.close());
      expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+\/$/);
      expect((await fetch(new URL('api/overview', server.url))).status).toBe(200);
    }
  });
});

describe('a closed dashboard', () => {
  it('refuses every request', async () => {
    const { orchestrator } = await fleet();
    const dashboard = createDashboard({ distributed: orchestrator });
    await dashboard.close();
    expect((await dashboard.fetch(new Request('http://x/api/overview'))).status).toBe(503);
    await eventually(async () => (await orchestrator.countRuns()).running === 0);
  });
});
