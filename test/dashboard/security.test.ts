import { ValidationError } from 'orchestrator';
import { createDashboard, type DashboardOptions } from 'orchestrator/dashboard';
import { memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { WorkflowOrchestrator } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import { fleetOf } from '../distributed/fleet.js';
import { dashboardOf, token } from './setup.js';

const distributed = () => new OrchestratorBuilder().engine(memory()).build();

describe('every response', () => {
  it.each(['/api/overview', '/api/nothing', '/nothing', '/api/stream', '/%'])(
    'of %s has strict security headers',
    async (path) => {
      const { fetch } = dashboardOf({ distributed: distributed() });
      const response = await fetch(path);
      expect(response.headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      await response.body?.cancel();
    },
  );

  it('to an unknown address is a problem as JSON, without a stack', async () => {
    const { fetch, post } = dashboardOf({ distributed: distributed() });
    for (const path of [
      '/api',
      '/api/',
      '/api/nothing',
      '/api/runs/a/b',
      '/nothing.js',
      '/../../package.json',
      '/api/runs/none',
    ]) {
      const response = await fetch(path);
      expect([path, response.status, response.headers.get('content-type')]).toEqual([
        path,
        404,
        'application/json; charset=utf-8',
      ]);
      expect(await response.json()).toEqual({ error: { code: 'not-found', message: expect.any(String) } });
    }
    expect((await fetch('/api/runs/%ff')).status).toBe(400);
    expect((await post('/api/runs/%ff/pause')).status).toBe(400);
  });

  it('to an unsupported method lists the supported ones', async () => {
    const { fetch } = dashboardOf({ distributed: distributed() });
    for (const [method, path, allow] of [
      ['POST', '/api/overview', 'GET, HEAD'],
      ['DELETE', '/api/runs/x', 'GET, HEAD'],
      ['OPTIONS', '/api/runs/x/pause', 'POST'],
      ['GET', '/api/runs/x/pause', 'POST'],
      ['HEAD', '/api/dead-letters/replay', 'POST'],
    ] as const) {
      const response = await fetch(path, { method });
      expect([path, response.status, response.headers.get('allow')]).toEqual([path, 405, allow]);
    }
  });

  it('to HEAD has no body', async () => {
    const { fetch } = dashboardOf({ distributed: distributed() });
    const response = await fetch('/api/overview', { method: 'HEAD' });
    expect([response.status, response.body]).toEqual([200, null]);
    expect((await fetch('/api/stream', { method: 'HEAD' })).body).toBeNull();
  });
});

describe('a request that changes something', () => {
  const json = { 'content-type': 'application/json' };
  const bearer = { ...json, authorization: `Bearer ${token}` };
  const own = 'http://ops.test';

  it.each<
    [
      what: string,
      status: number,
      code: string | undefined,
      headers: Record<string, string>,
      options?: Partial<DashboardOptions>,
    ]
  >([
    ['with the token', 200, undefined, bearer],
    ['with the token in other letters', 200, undefined, { ...bearer, authorization: `bearer  ${token}` }],
    ['from a page of the same origin', 200, undefined, { ...bearer, origin: own, 'sec-fetch-site': 'same-origin' }],
    ['that a user has typed', 200, undefined, { ...bearer, 'sec-fetch-site': 'none' }],
    ['with a charset', 200, undefined, { ...bearer, 'content-type': 'application/json; charset=utf-8' }],
    [
      'from an origin that is allowed',
      200,
      undefined,
      { ...bearer, origin: 'https://ops.example' },
      { origins: ['https://ops.example/'] },
    ],
    ['without a token', 401, 'unauthorized', json],
    ['with another token', 401, 'unauthorized', { ...json, authorization: `Bearer ${token}x` }],
    [
      'with the beginning of the token',
      401,
      'unauthorized',
      { ...json, authorization: `Bearer ${token.slice(0, -1)}` },
    ],
    ['with an empty token', 401, 'unauthorized', { ...json, authorization: 'Bearer ' }],
    ['with the token in another scheme', 401, 'unauthorized', { ...json, authorization: `Basic ${token}` }],
    ['with the token as a cookie', 401, 'unauthorized', { ...json, cookie: `token=${token}` }],
    ['from another origin', 403, 'forbidden', { ...bearer, origin: 'http://evil.test' }],
    ['from another port', 403, 'forbidden', { ...bearer, origin: 'http://ops.test:81' }],
    ['from another scheme', 403, 'forbidden', { ...bearer, origin: 'https://ops.test' }],
    ['from nowhere', 403, 'forbidden', { ...bearer, origin: 'null' }],
    ['from another site', 403, 'forbidden', { ...bearer, 'sec-fetch-site': 'cross-site' }],
    ['from another origin of the same site', 403, 'forbidden', { ...bearer, 'sec-fetch-site': 'same-site' }],
    [
      'as proxies say it',
      403,
      'forbidden',
      { ...bearer, origin: 'https://evil.test', 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' },
    ],
    ['of a form', 415, 'invalid', { ...bearer, 'content-type': 'application/x-www-form-urlencoded' }],
    ['of text', 415, 'invalid', { ...bearer, 'content-type': 'text/plain; application/json' }],
    ['of something like JSON', 415, 'invalid', { ...bearer, 'content-type': 'application/jsonp' }],
    ['while nothing can be changed', 403, 'forbidden', bearer, { actions: false }],
  ])('%s is answered with %i', async (_, status, code, headers, options = {}) => {
    const { orchestrator } = await fleetOf(
      new Flow('f').node('a', () => 1),
      { workers: 0 },
    );
    const runId = await orchestrator.startRun();
    const { fetch } = dashboardOf({ distributed: orchestrator, ...options });
    const response = await fetch(`/api/runs/${runId}/pause`, { method: 'POST', headers, body: '{}' });
    const { error } = (await response.json()) as { error?: { code: string } };
    expect([response.status, error?.code]).toEqual([status, code]);
    expect(await orchestrator.status(runId)).toBe(status === 200 ? 'paused' : 'running');
    if (status === 401) expect(response.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('without a content type is refused', async () => {
    const { fetch } = dashboardOf({ distributed: distributed() });
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch('/api/runs/x/pause', { method: 'POST', headers })).status).toBe(415);
  });

  it('waits for its answer if the token is wrong', async () => {
    const { post } = dashboardOf({ distributed: distributed() });
    const begin = performance.now();
    await post('/api/runs/x/pause', {}, { authorization: 'Bearer wrong' });
    expect(performance.now() - begin).toBeGreaterThan(200);
  });

  it('is refused if it is too large or not JSON', async () => {
    const { post, fetch } = dashboardOf({ distributed: distributed() });
    const large = JSON.stringify({ event: 'e', payload: 'x'.repeat(2 ** 20) });
    expect((await post('/api/runs/x/signal', large)).status).toBe(413);
    expect((await post('/api/runs/x/signal', '{}', { 'content-length': '2000000' })).status).toBe(413);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)) });
    const init = { method: 'POST', headers: bearer, body: endless, duplex: 'half' } as RequestInit;
    expect((await fetch('/api/runs/x/signal', init)).status).toBe(413);
    expect((await post('/api/runs/x/signal', '{')).status).toBe(400);
    expect(await (await post('/api/runs/x/signal', '{')).json()).toEqual({
      error: { code: 'invalid', message: 'the body must be JSON' },
    });
  });

  it('is refused for unknown fields, which the error names', async () => {
    const { post } = dashboardOf({ distributed: distributed(), loops: new WorkflowOrchestrator() });
    for (const [path, body, field] of [
      ['/api/runs/x/pause', { now: true }, 'now'],
      ['/api/runs/x/cancel', { reason: '' }, 'reason'],
      ['/api/runs/x/cancel', [], 'options'],
      ['/api/runs/x/signal', { payload: 1 }, 'event'],
      ['/api/loops/x/start', { a: 1 }, 'a'],
      ['/api/loops/x/pause', { a: 1 }, 'a'],
      ['/api/loops/x/resume', { a: 1 }, 'a'],
      ['/api/loops/x/stop', { deadline: -1 }, 'deadline'],
      ['/api/dead-letters/replay', { id: 'one' }, 'id'],
      ['/api/dead-letters/replay', '{"__proto__":{"id":1}}', '__proto__'],
    ] as const) {
      const response = await post(path, body);
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      expect([path, response.status, error.code]).toEqual([path, 400, 'invalid']);
      expect(error.message).toContain(field);
    }
  });
});

describe('wrong tokens', () => {
  it('are answered one after another, even if many arrive at once', async () => {
    const { dashboard } = dashboardOf({ distributed: distributed(), protectReads: true });
    const ask = async (given: string, address?: string, headers: Record<string, string> = {}) => {
      const init = { headers: { authorization: `Bearer ${given}`, ...headers } };
      return dashboard.fetch(new Request('http://ops.test/api/overview', init), { address });
    };
    const known = await ask(token, '10.0.0.1');
    const ticket = (known.headers.get('set-cookie') ?? '').split(';')[0] as string;
    expect(known.headers.get('set-cookie')).toMatch(/; HttpOnly; SameSite=Strict$/);
    const begin = performance.now();
    let answered = 0;
    const guesses = Array.from({ length: 120 }, async (_, index) => {
      const response = await ask(`guess-${index}`, '10.0.0.1');
      if (response.status === 401) answered++;
      return response;
    });
    // From the address of the guesses, not even the right token is checked. It is accepted from another address, and from
    // a browser that had it before.
    expect((await ask(token, '10.0.0.1')).status).toBe(429);
    expect((await ask(token, '10.0.0.2')).status).toBe(200);
    expect((await ask(token, undefined)).status).toBe(200);
    expect((await ask(token, '10.0.0.1', { cookie: `a=b; ${ticket}` })).status).toBe(200);
    expect((await ask(token, '10.0.0.1', { cookie: `${ticket}x` })).status).toBe(429);
    expect((await ask(token, '10.0.0.1', { cookie: 'orchestrator-ticket=a.b' })).status).toBe(429);
    // None of these requests had to wait for the guesses.
    expect(answered).toBeLessThan(16);
    const first = await Promise.race(guesses.slice(0, 16));
    expect(first.status).toBe(401);
    expect((await ask(token, '10.0.0.1')).status).toBe(200);
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(16);
    expect(statuses.filter((status) => status === 429)).toHaveLength(104);
    expect(performance.now() - begin).toBeGreaterThan(3_500);
  });

  it('count as one client if a server passes something else as the client', async () => {
    const { dashboard } = dashboardOf({ distributed: distributed(), protectReads: true });
    const ask = (client: unknown) => {
      const init = { headers: { authorization: 'Bearer wrong' } };
      return dashboard.fetch(new Request('http://ops.test/api/overview', init), client as { address: string });
    };
    const answers = [{ address: { port: 1 } }, null, {}, { address: undefined }].map(ask);
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([401, 401, 401, 401]);
  });

  it('are counted by network for IPv6', async () => {
    const { dashboard } = dashboardOf({ distributed: distributed(), protectReads: true });
    const ask = (address: string) => {
      const init = { headers: { authorization: 'Bearer wrong' } };
      return dashboard.fetch(new Request('http://ops.test/api/overview', init), { address });
    };
    const guesses = Array.from({ length: 16 }, (_, index) => ask(`2001:db8::${index + 1}`));
    expect((await ask('2001:db8:0:0:7::1')).status).toBe(429);
    expect((await Promise.race([ask('2001:db8:0:1::1'), ...guesses])).status).toBe(401);
    await Promise.all(guesses);
  });
});

describe('reading', () => {
  it.each<[status: number, headers: Record<string, string>]>([
    [200, {}],
    [200, { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }],
    [200, { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }],
    [200, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    [403, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    [403, { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
  ])('is answered with %i if the browser sends %j', async (status, headers) => {
    const { fetch } = dashboardOf({ distributed: distributed() });
    expect((await fetch('/api/runs?text=x', { headers })).status).toBe(status);
    const stream = await fetch('/api/stream', { headers });
    expect(stream.status).toBe(status);
    await stream.body?.cancel();
  });

  it('needs the token if reads are protected, except for the page itself', async () => {
    const { fetch } = dashboardOf({ distributed: distributed(), protectReads: true });
    for (const path of ['/api/overview', '/api/runs', '/api/workers', '/api/stream', `/api/overview?token=${token}`]) {
      expect((await fetch(path)).status).toBe(401);
    }
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch('/api/overview', { headers })).status).toBe(200);
    const stream = await fetch('/api/stream', { headers });
    expect(stream.status).toBe(200);
    await stream.body?.cancel();
    expect((await fetch('/')).status).not.toBe(401);
  });
});

describe('options', () => {
  it.each<[options: object, message: RegExp]>([
    [{}, /^distributed or loops must be given/],
    [{ distributed: {} }, /^distributed must be a DistributedOrchestrator/],
    [{ loops: null }, /^loops must be a WorkflowOrchestrator/],
    [{ token: 'short' }, /^token must be a string of at least 8/],
    [{ token: 'with spaces in it' }, /^token must/],
    [{ actions: 'no' }, /^actions must/],
    [{ redact: true }, /^redact must/],
    [{ redact: [''] }, /^redact must/],
    [{ redact: ['--'] }, /^redact must/],
    [{ basePath: 'ops' }, /^basePath must/],
    [{ basePath: '/ops?x' }, /^basePath must/],
    [{ origins: ['ops.example'] }, /^origins must/],
    [{ origins: ['file:///x'] }, /^origins must/],
    [{ assets: '/x' }, /^assets must/],
    [{ onError: 1 }, /^onError must/],
    [{ unknown: 1 }, /^unknown is unknown/],
  ])('%j are refused', (options, message) => {
    const given = 'distributed' in options || 'loops' in options || Object.keys(options).length === 0;
    const all = given ? options : { distributed: distributed(), ...options };
    expect(() => createDashboard(all as DashboardOptions)).toThrow(ValidationError);
    expect(() => createDashboard(all as DashboardOptions)).toThrow(message);
  });

  it('have a random token by default', () => {
    const [one, other] = [
      createDashboard({ distributed: distributed() }),
      createDashboard({ distributed: distributed() }),
    ];
    expect(one.token).toMatch(/^[\w-]{32}$/);
    expect(one.token).not.toBe(other.token);
  });
});

describe('an internal error', () => {
  it('is reported to onError only', async () => {
    const told: unknown[] = [];
    const orchestrator = distributed();
    const fault = new Error('at /home/me with password=hunter2');
    orchestrator.listRuns = () => Promise.reject(fault);
    const { fetch } = dashboardOf({ distributed: orchestrator, onError: (error) => void told.push(error) });
    const response = await fetch('/api/runs');
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      error: { code: 'internal', message: 'internal error: the dashboard reports it to its `onError` option' },
    });
    expect(told).toEqual([fault]);
    const silent = dashboardOf({ distributed: orchestrator });
    expect((await silent.fetch('/api/runs')).status).toBe(500);
  });

  it('is also an error of something else with a code of this package', async () => {
    const told: unknown[] = [];
    const orchestrator = distributed();
    const fault = Object.assign(new Error('at /home/me'), { code: 'ERR_ENGINE' });
    orchestrator.listRuns = () => Promise.reject(fault);
    const { fetch } = dashboardOf({ distributed: orchestrator, onError: (error) => void told.push(error) });
    expect((await fetch('/api/runs')).status).toBe(500);
    expect(told).toEqual([fault]);
  });
});

describe('an error of the engine', () => {
  it('is answered with 503, also if it comes from another copy of this package', async () => {
    const orchestrator = distributed();
    class OtherEngineError extends Error {
      readonly code = 'ERR_ENGINE';
    }
    Object.defineProperty(OtherEngineError.prototype, Symbol.for('orchestrator.error'), { value: true });
    orchestrator.listRuns = () => Promise.reject(new OtherEngineError('redis does not answer'));
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const response = await fetch('/api/runs');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ error: { code: 'unavailable', message: 'redis does not answer' } });
  });
});
