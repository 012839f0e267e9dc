import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Orchestrator } from 'orchestrator';
import { Loop } from 'orchestrator/loops';
import { type PrometheusOptions, prometheusEndpoint } from 'orchestrator/telemetry';
import { describe, expect, it } from 'vitest';
import { workflow } from '../loops/support.js';
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
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('./fixtures/scraped.ts', import.meta.url))],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
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
      'port must be a whole number from 0 to 65535, got 70000',
    );
    await expect(prometheusEndpoint({ path: 'metrics' })).rejects.toThrow(
      'path must be a path that begins with a slash',
    );
    await expect(prometheusEndpoint({ hosts: '' } as never)).rejects.toThrow('hosts is unknown');
  });
});
