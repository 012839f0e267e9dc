// A flow in a backend: a server stores its runs in files, a webhook resumes them, and a timer ends the waits that expire.
// The first server is killed while runs wait. Two servers then share the runs: each run has one owner at a time. A run
// that has failed is tried again only if somebody asks for it.
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CheckpointError, FileCheckpointStore, Flow, LockedError, TooLateError } from 'orchestrator/flow';

interface Purchase {
  item: string;
  /** Milliseconds within which somebody has to approve. */
  patience: number;
}

/**
 * Creates the flow of a purchase, which is ordered if somebody approves in time. A wait keeps the timeout with which it
 * has begun, so a run can be continued with another `patience`.
 */
function purchaseFlow(patience: number) {
  return new Flow<Purchase>('purchase', { version: '1' })
    .node('request', (_input, { context }) => context.item)
    .wait('approval', { after: 'request', event: 'approved', timeout: patience })
    .node(
      'order',
      async ({ by }: { by: string }, { context }) => {
        await sleep(1_000);
        if (context.item === 'a unicorn') throw new Error(`no unicorns at ${Date.now()}`);
        return `${context.item} ordered, approved by ${by}`;
      },
      { after: 'approval' },
    )
    .node('escalate', (item) => `${item} escalated to the boss`, { after: { approval: 'timeout' } });
}

/** Carries out the purchases in a directory. */
class Purchases {
  readonly #store: FileCheckpointStore;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(directory: string) {
    this.#store = new FileCheckpointStore(directory);
  }

  /**
   * Takes up the runs after a start of the program: sets timers for those that wait, and continues those that a crash
   * has interrupted. Runs that have ended are left alone.
   */
  async recover(): Promise<void> {
    for (const id of await this.#store.list()) {
      const { status } = this.#watch(id, await this.show(id));
      if (status === 'running') await this.#tick(id);
    }
  }

  /** Reads a run without executing anything. */
  show(id: string) {
    return purchaseFlow(1).result(id, { checkpoint: this.#store });
  }

  async start(id: string, purchase: Purchase) {
    const flow = purchaseFlow(purchase.patience);
    return this.#watch(id, await flow.run(purchase, { checkpoint: this.#store, id }));
  }

  /** Continues a run. If the run has ended as failed, its failed nodes are executed again. */
  async proceed(id: string, events: Record<string, unknown> = {}) {
    return this.#watch(id, await purchaseFlow(1).continue(id, { checkpoint: this.#store, events }));
  }

  /** Sets a timer for the time at which the next wait of the run expires. */
  #watch<Result extends { readonly awaiting: readonly { readonly until?: number | undefined }[] }>(
    id: string,
    result: Result,
  ): Result {
    const due = Math.min(...result.awaiting.map(({ until = Infinity }) => until));
    if (due < Infinity) this.#setTimer(id, due - Date.now());
    return result;
  }

  #setTimer(id: string, delay: number): void {
    clearTimeout(this.#timers.get(id));
    // A timer of Node.js is limited to 24 days. A run that is continued too early only waits again.
    this.#timers.set(
      id,
      setTimeout(() => this.#tick(id), Math.min(delay, 2 ** 31 - 1)),
    );
  }

  async #tick(id: string): Promise<void> {
    try {
      await this.proceed(id);
    } catch (error) {
      // Another program is carrying out the run. If that program dies, this one continues the run.
      if (error instanceof LockedError) this.#setTimer(id, 200);
      else console.error(error);
    }
  }
}

/** Returns the status code for an error of a webhook. */
function statusOf(error: unknown): number {
  if (error instanceof TooLateError) return 410; // the wait has ended otherwise or expired: do not send it again
  if (error instanceof LockedError) return 409; // the run is being carried out: send it again later
  if (error instanceof CheckpointError) return 404; // no such run
  return 500;
}

/**
 * Serves the purchases:
 *
 *     POST /purchases/:id           starts a run
 *     POST /purchases/:id/approved  the webhook
 *     POST /purchases/:id/retry     tries a failed run again
 *     GET  /purchases/:id           shows the run
 */
async function serve(directory: string): Promise<void> {
  const purchases = new Purchases(directory);
  await purchases.recover();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const [, , id = '', event] = String(request.url).split('/');
    try {
      const body: unknown = request.method === 'POST' ? await json(request) : undefined;
      const { status, output, errors } = await answerTo(purchases, id, event, body);
      response.writeHead(200).end(JSON.stringify({ status, output, error: errors[0]?.message }));
    } catch (error) {
      response.writeHead(statusOf(error)).end(JSON.stringify({ error: String(error) }));
    }
  };
  const server = createServer((request, response) => void handle(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

/** @param body - the body of the request; `undefined` for a GET */
function answerTo(purchases: Purchases, id: string, event: string | undefined, body: unknown) {
  if (body === undefined) return purchases.show(id);
  if (event === undefined) return purchases.start(id, body as Purchase);
  return purchases.proceed(id, event === 'retry' ? {} : { [event]: body });
}

/** Starts a server in a process of its own. */
async function startServer(directory: string): Promise<{ readonly url: string; readonly server: ChildProcess }> {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const server = fork(fileURLToPath(import.meta.url), [directory], { cwd, execArgv: ['--import', 'tsx'] });
  const [url] = await once(server, 'message');
  return { url, server };
}

async function kill(server: ChildProcess): Promise<void> {
  const closed = once(server, 'close');
  server.kill('SIGKILL');
  await closed;
}

interface Answer {
  readonly code: number;
  readonly status: string;
  readonly output?: unknown;
  readonly error?: string;
}

async function ask(url: string, body?: object): Promise<Answer> {
  const response = await fetch(url, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
  return { code: response.status, ...((await response.json()) as Omit<Answer, 'code'>) };
}

async function story(directory: string): Promise<void> {
  const first = await startServer(directory);
  assert.equal((await ask(`${first.url}/purchases/p1`, { item: 'a desk', patience: 60_000 })).status, 'awaiting');
  assert.equal((await ask(`${first.url}/purchases/p2`, { item: 'a chair', patience: 2_000 })).status, 'awaiting');
  assert.equal((await ask(`${first.url}/purchases/p4`, { item: 'a unicorn', patience: 60_000 })).status, 'awaiting');
  const failed = await ask(`${first.url}/purchases/p4/approved`, { by: 'Ada' });
  assert.equal(failed.status, 'failed');
  await kill(first.server);
  console.log('the server was killed while two runs wait');

  const [second, third] = await Promise.all([startServer(directory), startServer(directory)]);
  try {
    const approve = (url: string, id: string) => ask(`${url}/purchases/${id}/approved`, { by: 'Ada' });
    const approving = approve(second.url, 'p1');
    await sleep(400);
    // The same webhook, at the other server while the run is being carried out, and once more when the run has ended.
    assert.equal((await approve(third.url, 'p1')).code, 409);
    // A restart does not try the failed run again. Its error names the time of the attempt.
    assert.deepEqual(await ask(`${third.url}/purchases/p4`), failed);
    const approved = await approving;
    console.log(approved);
    assert.deepEqual(approved, { code: 200, status: 'completed', output: 'a desk ordered, approved by Ada' });
    assert.deepEqual(await approve(third.url, 'p1'), approved);
    assert.equal((await ask(`${third.url}/purchases/p1/approved`, { by: 'Bob' })).code, 410);
    // Nor does a webhook that is sent again try a failed run again.
    assert.deepEqual(await approve(third.url, 'p4'), failed);

    // Nobody approves the chair. A timer of either server ends the wait.
    await sleep(2_500);
    const late = await approve(second.url, 'p2');
    const expired = await ask(`${third.url}/purchases/p2`);
    console.log(late.code, expired);
    assert.equal(late.code, 410);
    assert.deepEqual(expired, { code: 200, status: 'completed', output: 'a chair escalated to the boss' });
    assert.equal((await approve(second.url, 'p3')).code, 404);

    const retried = await ask(`${second.url}/purchases/p4/retry`, {});
    console.log(retried);
    assert.equal(retried.status, 'failed');
    assert.notEqual(retried.error, failed.error);
  } finally {
    await Promise.all([kill(second.server), kill(third.server)]);
  }
}

const [, , served] = process.argv;
if (served !== undefined) await serve(served);
else {
  const directory = await mkdtemp(join(tmpdir(), 'purchases-'));
  try {
    await story(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
