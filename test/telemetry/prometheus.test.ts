import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { diag } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { createRequestListener } from '@remix-run/node-fetch-server';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { Orchestrator } from 'orchestrator';
import { Loop } from 'orchestrator/loops';
import { type MountedPrometheusEndpoint, type PrometheusOptions, prometheusEndpoint } from 'orchestrator/telemetry';
import { describe, expect, it, vi } from 'vitest';
import { workflow } from '../loops/support.js';
import { compiled } from '../programs/compiled.js';
import { rejection, settled } from '../support.js';
import { afterwards, metricsSdk, started, tracingSdk } from './support.js';

async function endpoint(options: PrometheusOptions = {}) {
  const opened = await prometheusEndpoint({ port: 0, ...options });
  afterwards(() => opened.close());
  return opened;
}

async function lines(url: string): Promise<string[]> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return (await response.text()).split('\n');
}

describe('the Prometheus endpoint', () => {
  it('serves durations of processes and tasks, counted once, beside telemetry that goes elsewhere', async () => {
    tracingSdk();
    const { points } = metricsSdk();
    await started();
    const { url } = await endpoint();
    const orchestrator = new Orchestrator({ name: 'order' });
    await orchestrator.action(async () => 1, { name: 'charge' })();
    await settled();
    const labels = 'orchestrator_task_name="charge",orchestrator_process_name="order"';
    const found = await lines(url);
    expect(found).toContain('# TYPE orchestrator_task_duration histogram');
    expect(
      found.some((line) => line.startsWith(`orchestrator_task_attempts_total{${labels}`) && line.endsWith(' 1')),
    ).toBe(true);
    expect((await points('orchestrator.task.attempts')).map(({ value }) => value)).toEqual([1]);
  });

  it('serves observed orchestrators, and further measurements of the program', async () => {
    const { url, observe, meterProvider } = await endpoint();
    const orchestrator = workflow({ queues: { jobs: { capacity: 5 } }, loops: [new Loop('a').read('take', 'jobs')] });
    await orchestrator.start();
    const stop = observe(orchestrator);
    meterProvider.getMeter('app').createCounter('app.orders').add(3);
    const found = await lines(url);
    expect(found.some((line) => /^orchestrator_loop_queue_capacity\{.*"jobs".*\} 5/.test(line))).toBe(true);
    expect(found.some((line) => /^app_orders_total.* 3/.test(line))).toBe(true);
    stop();
    await orchestrator.queue('jobs').push('unseen');
    expect((await lines(url)).some((line) => /^orchestrator_loop_queue_pushed.*\} 1/.test(line))).toBe(false);
  });

  it('listens on this machine only, at the given path', async () => {
    const { url } = await endpoint({ path: '/internal/metrics' });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/internal\/metrics$/);
    const { origin } = new URL(url);
    expect((await fetch(`${url}?now`)).status).toBe(200);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${origin}/metrics`)).status).toBe(404);
    const refused = await fetch(url, { method: 'POST', body: 'x' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('reports its address on IPv6, too', async () => {
    const { url } = await endpoint({ host: '::1' });
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+\/metrics$/);
    await lines(url);
  });

  it('does not keep the program alive, even if a client keeps its connection', async () => {
    const child = spawn(process.execPath, [compiled(new URL('./fixtures/scraped.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    afterwards(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    const [url] = await once(child.stdout, 'data');
    const agent = new Agent({ keepAlive: true });
    afterwards(() => agent.destroy());
    const [response] = await once(get(String(url), { agent }), 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
    await once(response, 'end');
    expect(response.headers.connection).toBe('keep-alive');
    child.stdin.end();
    expect(await exit).toEqual([0, null]);
  });

  it('stops measuring and listening when it is closed, even several times', async () => {
    const { url, close } = await endpoint();
    await lines(url);
    await close();
    await close();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('rejects if the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    afterwards(() => other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    expect(await rejection(prometheusEndpoint({ port }))).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('rejects options that are unknown or have the wrong type', async () => {
    await expect(prometheusEndpoint({ port: 70_000 })).rejects.toThrow(
      'port must be a whole number from 0 to 65535, or null for no server, got 70000',
    );
    await expect(prometheusEndpoint({ path: 'metrics' })).rejects.toThrow(
      'path must be a path that begins with a slash',
    );
    await expect(prometheusEndpoint({ port: null, path: '/metrics' } as never)).rejects.toThrow(
      'path has no effect with port: null, because the endpoint does not listen: leave it out',
    );
    await expect(prometheusEndpoint({ hosts: '' } as never)).rejects.toThrow('hosts is unknown');
  });
});

describe('a Prometheus endpoint without a server', () => {
  async function mounted() {
    const opened = await prometheusEndpoint({ port: null });
    afterwards(() => opened.close());
    const orchestrator = new Orchestrator({ name: 'order' });
    await orchestrator.action(async () => 1, { name: 'charge' })();
    await settled();
    return opened;
  }

  const servers: Record<string, (endpoint: MountedPrometheusEndpoint) => Promise<string>> = {
    'node:http': ({ handler }) => urlOf(createServer(handler).listen(0, '127.0.0.1')),
    express: ({ handler }) => urlOf(express().get('/metrics', handler).listen(0, '127.0.0.1')),
    'express, below a path': ({ handler }) => urlOf(express().use('/metrics', handler).listen(0, '127.0.0.1')),
    fastify: async ({ handler }) => {
      const app = fastify({ forceCloseConnections: true });
      app.get('/metrics', (request, reply) => void handler(request.raw, reply.hijack().raw));
      afterwards(() => app.close());
      return app.listen({ port: 0, host: '127.0.0.1' });
    },
    hono: async (endpoint) => {
      const app = new Hono().get('/metrics', (context) => endpoint.fetch(context.req.raw));
      return urlOf(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server);
    },
    'a route handler of Next': ({ fetch: GET }) =>
      urlOf(createServer(createRequestListener((request) => GET(request))).listen(0, '127.0.0.1')),
  };

  for (const [name, open] of Object.entries(servers)) {
    it(`is mounted in ${name}`, async () => {
      const opened = await mounted();
      const url = `${await open(opened)}/metrics`;
      const response = await fetch(url);
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        'text/plain; version=0.0.4; charset=utf-8',
      ]);
      expect(await response.text()).toMatch(/^orchestrator_task_attempts_total\{.*"charge".*\} 1$/m);
      const head = await fetch(url, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
      await opened.close();
      expect((await fetch(url)).status).toBe(503);
    });
  }

  it('listens nowhere, refuses other methods, and takes a call without a request as GET', async () => {
    const opened = await mounted();
    expect(opened).not.toHaveProperty('url');
    const refused = await opened.fetch(new Request('http://localhost/', { method: 'POST' }));
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await opened.fetch()).status).toBe(200);
  });

  it('answers 500 if metrics cannot be collected, and tells the diagnostics of OpenTelemetry why', async () => {
    const errors: unknown[][] = [];
    diag.setLogger({ ...console, verbose: () => {}, error: (...args) => void errors.push(args) });
    afterwards(() => diag.disable());
    const { fetch: ask } = await mounted();
    const cause = new Error('no metrics');
    vi.spyOn(PrometheusExporter.prototype, 'collect').mockRejectedValueOnce(cause);
    expect([(await ask()).status, errors]).toEqual([500, [['metrics for Prometheus cannot be collected', cause]]]);
    expect((await ask()).status).toBe(200);
  });

  it('leaves a response alone that the server has sent meanwhile', async () => {
    const { handler } = await mounted();
    const url = await urlOf(
      createServer((request, response) => {
        handler(request, response);
        response.writeHead(503).end('too late');
      }).listen(0, '127.0.0.1'),
    );
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([503, 'too late']);
  });

  it('is there beside a server of its own, too', async () => {
    const { fetch: ask } = await endpoint();
    expect((await ask()).status).toBe(200);
  });
});

async function urlOf(server: Server): Promise<string> {
  if (!server.listening) await once(server, 'listening');
  afterwards(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
