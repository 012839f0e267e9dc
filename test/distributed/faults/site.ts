import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import {
  type DistributedOrchestrator,
  DistributedWorker,
  type Engine,
  type EngineOptions,
  type EventsOptions,
  OrchestratorBuilder,
  type StartOptions,
  type WorkerOptions,
} from 'orchestrator/distributed';
import { expect } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { eventually } from '../servers/eventually.js';
import { startPostgres } from '../servers/postgres.js';
import { startWorkerProcess, type WorkerProcess } from '../servers/processes.js';
import { startRedis } from '../servers/redis.js';
import type { Server } from '../servers/server.js';
import { type EngineSpec, openEngine } from './fixtures/engines.js';
import type { FaultPoint } from './fixtures/fault-points.js';
import { type FlowName, flows, nodesOf } from './fixtures/flows.js';
import type { Behaviour, Told } from './fixtures/messages.js';
import { RemoteOrchestrator } from './remote-orchestrator.js';

/** A server for engines, and how to reach it. */
export interface EngineServer {
  readonly kind: 'redis' | 'postgres';
  readonly server: Server;
  /** Returns the address of the server. With the port of a proxy: its address through the proxy. */
  addressAt(port: number): string;
}

const starters = {
  async redis(): Promise<EngineServer> {
    const server = await startRedis({ durable: true });
    return { kind: 'redis', server, addressAt: (port) => server.url.replace(String(server.port), String(port)) };
  },
  async postgres(): Promise<EngineServer> {
    const server = await startPostgres({ durable: true });
    return { kind: 'postgres', server, addressAt: (port) => server.url.replace(`:${server.port}/`, `:${port}/`) };
  },
};

/** Declares tests once for each engine that needs a server, and passes a function that starts the server. */
export function describeEngines(name: string, tests: (start: () => Promise<EngineServer>, kind: string) => void): void {
  for (const kind of ['redis', 'postgres'] as const) {
    const need = kind === 'redis' ? 'redis-server' : kind;
    // Processes start slowly on a busy machine.
    describeWith(need, `${name}, on ${kind}`, () => tests(starters[kind], kind), { timeout: 600_000 });
  }
}

/** Options of a worker process. */
export interface FixtureOptions {
  readonly worker?: Partial<Omit<WorkerOptions, 'engine' | 'workflows' | 'runtime'>>;
  /** Options of its engine, in addition to those of the site. */
  readonly engine?: EngineOptions;
  readonly behaviour?: Behaviour;
  readonly faultPoint?: FaultPoint;
  /** Milliseconds by which its clock is off. */
  readonly clockShift?: number;
  /** Variables for its environment, such as those of `wrongClock`. */
  readonly env?: Readonly<Record<string, string>>;
  /** The calls that it makes twice. */
  readonly doubled?: 'jobs' | 'commits' | 'jobs and commits';
  /** The port at which it reaches the server. Default: that of the server. */
  readonly port?: number;
}

export type FaultyWorker = WorkerProcess<Told>;

/**
 * Short locks, so that tests need not wait for crashes. On a busy machine such a lock may expire while its worker is
 * alive; the high limit of crashes keeps nodes from being given up for that.
 */
const soon = { lockDuration: 1_000, heartbeatInterval: 200, watchInterval: 100, maxCrashes: 50 } as const;

/** For workers whose executions are counted: their locks never expire, however busy the machine is. */
export const steady = { lockDuration: 60_000 } as const;

export const begins = (nodeId: string) => (told: Told) => told.type === 'begins' && told.nodeId === nodeId;
export const ended = (nodeId: string) => (told: Told) => told.type === 'ended' && told.nodeId === nodeId;

/** Runs a test with a fleet of its own, which ends with the test. */
export async function withSite(
  server: EngineServer,
  test: (site: Site) => Promise<void>,
  options: EngineOptions = {},
): Promise<void> {
  const site = new Site(server, options);
  try {
    await test(site);
  } finally {
    await site.close();
  }
}

/** A fleet with a queue of its own: an orchestrator in the test, and workers in processes of their own. */
export class Site {
  readonly engine: Engine;
  readonly orchestrator: DistributedOrchestrator;
  readonly warnings: Error[] = [];
  readonly #prefix = `t${randomBytes(6).toString('hex')}`;
  readonly #workers: DistributedWorker[] = [];
  readonly #processes: FaultyWorker[] = [];
  readonly #remotes: RemoteOrchestrator[] = [];

  constructor(
    private readonly on: EngineServer,
    private readonly options: EngineOptions = {},
  ) {
    this.engine = openEngine(this.spec());
    const builder = new OrchestratorBuilder().engine(this.engine);
    for (const flow of flows) builder.workflow(flow);
    this.orchestrator = builder.build();
  }

  spec(port = this.on.server.port, more: EngineOptions = {}): EngineSpec {
    const options = { ...this.options, ...more, prefix: this.#prefix };
    return { kind: this.on.kind, address: this.on.addressAt(port), options };
  }

  /** Starts a run whose nodes take `ms` milliseconds each. */
  start(workflow: FlowName, context: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return this.orchestrator.startRun({ count: 0, ...context }, undefined, { workflow });
  }

  startMany(workflow: FlowName, count: number, context: Readonly<Record<string, unknown>> = {}): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.start(workflow, context)));
  }

  /** Starts a worker process, without waiting until it is ready. */
  spawnWorker({
    worker,
    engine,
    behaviour,
    faultPoint,
    clockShift,
    doubled,
    port,
    env: more,
  }: FixtureOptions = {}): FaultyWorker {
    const env: Record<string, string> = {
      ...more,
      WORKER_PROCESS: '1',
      ENGINE: JSON.stringify(this.spec(port, engine)),
      WORKER_OPTIONS: JSON.stringify({ ...soon, ...worker }),
      BEHAVIOUR: JSON.stringify(behaviour ?? {}),
      CLOCK_SHIFT: String(clockShift ?? 0),
    };
    if (faultPoint !== undefined) env.FAULT_POINT = JSON.stringify(faultPoint);
    if (doubled !== undefined) env.DOUBLED = doubled;
    const process = startWorkerProcess<Told>({ module: new URL('./fixtures/worker.ts', import.meta.url), env });
    this.#processes.push(process);
    return process;
  }

  /** Starts a worker process, and waits until it takes work. */
  async startWorker(options: FixtureOptions = {}): Promise<FaultyWorker> {
    const process = this.spawnWorker(options);
    await process.waitFor(({ type }) => type === 'ready', 120_000);
    return process;
  }

  /** Starts a program that starts a run, and may die while it does so. */
  spawnStarter(faultPoint: FaultPoint, options: StartOptions): FaultyWorker {
    const env = {
      WORKER_PROCESS: '1',
      ENGINE: JSON.stringify(this.spec()),
      FAULT_POINT: JSON.stringify(faultPoint),
      START_OPTIONS: JSON.stringify(options),
    };
    const process = startWorkerProcess<Told>({ module: new URL('./fixtures/starter.ts', import.meta.url), env });
    this.#processes.push(process);
    return process;
  }

  /** Starts an orchestrator in a process of its own. @param env - variables such as those of `wrongClock` */
  async startOrchestrator(env: Readonly<Record<string, string>> = {}): Promise<RemoteOrchestrator> {
    const module = new URL('./fixtures/orchestrator.ts', import.meta.url);
    const own = { ...env, ORCHESTRATOR_PROCESS: '1', ENGINE: JSON.stringify(this.spec()) };
    const remote = new RemoteOrchestrator(startWorkerProcess({ module, env: own }));
    this.#remotes.push(remote);
    await remote.ready();
    return remote;
  }

  /** Starts a worker in the test's own program, for runs whose workers have died. */
  async rescue(options: FixtureOptions['worker'] = {}): Promise<DistributedWorker> {
    const worker = new DistributedWorker({ engine: this.engine, workflows: [...flows], ...soon, ...options });
    worker.on('warning', (error) => this.warnings.push(error));
    this.#workers.push(worker);
    await worker.start();
    return worker;
  }

  /** Waits until runs have ended. */
  async finish(runIds: readonly string[], timeout = 120_000): Promise<void> {
    const signal = AbortSignal.timeout(timeout);
    setMaxListeners(0, signal);
    await Promise.all(runIds.map((runId) => this.orchestrator.waitForCompletion(runId, { signal })));
  }

  /**
   * Asserts what must hold after any fault: no run is lost or finished twice, each node has completed and counts
   * exactly once, no item is left over, and nothing is left in the queue.
   */
  async expectSound(runIds: readonly string[], timeout = 120_000): Promise<void> {
    await this.finish(runIds, timeout);
    await Promise.all(runIds.map((runId) => this.#expectComplete(runId)));
    await this.expectNothingLeft();
    expect(await this.#listed('completed')).toEqual([...runIds].sort());
  }

  /** Asserts that the queue is empty. */
  async expectNothingLeft(): Promise<void> {
    const nothing = { waiting: 0, delayed: 0, active: 0 };
    await eventually(async () => expect(await this.engine.queue.depth()).toEqual(nothing), { timeout: 120_000 });
  }

  /** Asserts that a worker holds no job, by its own report. */
  async expectIdle(process: FaultyWorker): Promise<void> {
    await eventually(async () => {
      const health = await this.orchestrator.listWorkerHealth();
      expect(health.find(({ pid }) => pid === process.pid)).toMatchObject({ active: 0, status: 'idle' });
    });
  }

  /** Lists the completed nodes in order, each as often as the journal has it. */
  async completions(
    runId: string,
    options?: EventsOptions,
  ): Promise<{ readonly nodeId: string; readonly workerId: string }[]> {
    const found: { nodeId: string; workerId: string }[] = [];
    for await (const { type, nodeId = '', workerId = '' } of this.orchestrator.events(runId, options)) {
      if (type === 'completed') found.push({ nodeId, workerId });
    }
    return found;
  }

  async #expectComplete(runId: string): Promise<void> {
    const { status, workflow, error } = await this.orchestrator.run(runId);
    expect({ runId, status, error }).toEqual({ runId, status: 'completed', error: undefined });
    const nodes = nodesOf(workflow).sort();
    const completed = (await this.completions(runId)).map(({ nodeId }) => nodeId);
    expect({ runId, completed: completed.sort() }).toEqual({ runId, completed: nodes });
    const { count } = (await this.orchestrator.context(runId)) as { count: number };
    const inside = nodes.filter((node) => node === 'inside' || node === 'each').length;
    expect({ runId, count }).toEqual({ runId, count: nodes.length - inside });
    expect(await this.orchestrator.metrics(runId)).toMatchObject({ completed: nodes.length });
    expect(await this.orchestrator.pendingWork(runId)).toEqual([]);
  }

  async #listed(status: 'completed'): Promise<string[]> {
    const { runs } = await this.orchestrator.listRuns({ status, limit: 1_000 });
    return runs.map(({ runId }) => runId).sort();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#processes, ...this.#remotes].map((process) => process.kill()));
    await Promise.all(this.#workers.map((worker) => worker.stop({ deadline: 0 })));
    await this.orchestrator.close();
    await this.engine.close();
  }
}
