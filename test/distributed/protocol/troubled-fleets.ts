import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DistributedOrchestrator,
  DistributedWorker,
  type Engine,
  OrchestratorBuilder,
  type RunMetrics,
  type StepMetrics,
} from 'orchestrator/distributed';
import { type Plan, TroubledEngine } from 'orchestrator/distributed/testing';
import {
  FlowRuntime,
  MemoryCheckpointStore,
  type NodeArgs,
  type Waiting,
  type WorkflowResult,
} from 'orchestrator/flow';
import { expect } from 'vitest';
import { never } from '../../../src/distributed/testing/program.js';
import { calm } from '../../../src/distributed/testing/trouble-plan.js';
import {
  type AnyFlow,
  eventsFor,
  isAnswered,
  markOf,
  payloadOf,
  pictureOf,
  type Scene,
  type Site,
} from '../../flow/scene.js';
import { eventually } from '../servers/eventually.js';

/*
 * Runs on a fleet whose calls to the engine go wrong, to be compared with the same runs in process.
 */

/** A run that has ended, and the executions of its nodes. */
export interface Ended {
  readonly result: WorkflowResult;
  readonly executions: readonly string[];
}

export interface EndedOnFleet extends Ended {
  readonly metrics: RunMetrics;
  /** Entries that the journal has twice, and what is left over. */
  readonly faults: readonly string[];
}

const nothing = { waiting: 0, delayed: 0, active: 0 };

/** Runs a scene in process, saved, with the events that it waits for. */
export async function inProcess(scene: Scene, runId: string): Promise<Ended> {
  const executions: string[] = [];
  const flow = scene.build(siteOf(executions, () => true));
  const runtime = new FlowRuntime({ registry: flow.registry });
  const options = { ...scene.options, checkpoint: new MemoryCheckpointStore() };
  let result: WorkflowResult = await runtime.run(flow, contextOf(scene), { ...options, runId });
  while (result.status === 'awaiting') {
    const events = await eventsFor(result.awaiting);
    result = await runtime.resume(flow, runId, { ...options, events });
  }
  return { result, executions };
}

export interface FleetOptions {
  /** The plans of the first worker programs. Programs that replace dead ones are calm. */
  readonly plans: readonly Plan[];
  /** The plan of the program that starts the run. */
  readonly starter?: Plan | undefined;
  /** The `patience` of `TroubledEngineOptions`, in milliseconds. */
  readonly patience?: number | undefined;
  /** Maximum duration of the run, in milliseconds. */
  readonly timeout: number;
  /** If true, events are sent at any moment, early, twice and late. Default: each once, when the run waits for it. */
  readonly isEager?: boolean;
}

/** Runs a scene on workers whose engine calls go wrong. */
export async function onFleet(
  scene: Scene,
  runId: string,
  engine: Engine,
  options: FleetOptions,
): Promise<EndedOnFleet> {
  const fleet = new Fleet(scene, engine, options);
  const told = async () => {
    const history = fleet.programs.map((program, at) => `program ${at}: ${lastOf(String(program))}`);
    const journal = await engine.checkpointStore.read(runId);
    const entries = journal?.entries.map(({ seq, text }) => `${seq} ${text.slice(0, 200)}`) ?? [];
    return [...history, ...entries].join('\n');
  };
  try {
    const ended = await fleet.run(runId);
    return ended.faults.length === 0 ? ended : { ...ended, faults: [...ended.faults, await told()] };
  } catch (error) {
    throw Object.assign(error as Error, { message: `${(error as Error).message}\n${await told()}` });
  } finally {
    await fleet.stop();
  }
}

class Fleet {
  readonly programs: TroubledEngine[] = [];
  readonly #executions: string[] = [];
  readonly #workers = new Map<TroubledEngine, DistributedWorker>();
  #isOver = false;

  constructor(
    private readonly scene: Scene,
    private readonly engine: Engine,
    private readonly options: FleetOptions,
  ) {}

  async run(runId: string): Promise<EndedOnFleet> {
    const workers = this.options.plans.map((plan) => this.#startProgram(plan));
    const orchestrator = this.#orchestratorOn(this.engine);
    await this.#startRun(runId);
    const eager =
      this.options.isEager === true
        ? sendAll(orchestrator, runId, this.scene.build(siteOf([], () => true)))
        : undefined;
    await this.#untilOver(orchestrator, runId);
    await eager;
    const result = await orchestrator.result(runId);
    const metrics = await orchestrator.metrics(runId);
    await Promise.all(workers);
    const faults = await this.#faultsOf(orchestrator, runId);
    await orchestrator.close();
    return { result, metrics, executions: this.#executions, faults };
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    for (const program of this.programs) program.suffer(undefined);
    await Promise.all(
      [...this.#workers.values()].map((worker) => worker.stop({ deadline: 200 }).catch(() => undefined)),
    );
    await this.#rest();
  }

  /** Resolves when all late calls have arrived. The calls of a dead program never end. */
  async #rest(): Promise<void> {
    await Promise.all(
      this.programs.map((program) => (program.isAlive ? Promise.race([program.rest(), program.death]) : undefined)),
    );
  }

  /** Starts the run, and repeats the start with the same id after a failure. */
  async #startRun(runId: string): Promise<void> {
    const program = new TroubledEngine(this.engine, { ...this.options, plan: this.options.starter ?? calm });
    this.programs.push(program);
    const orchestrator = this.#orchestratorOn(program.face);
    const start = () => orchestrator.startRun(contextOf(this.scene), undefined, { runId });
    await eventually(start, { timeout: this.options.timeout });
  }

  /** Starts a program, and resolves when its worker takes work. When the program dies, another replaces it. */
  async #startProgram(plan: Plan): Promise<void> {
    const program = new TroubledEngine(this.engine, { ...this.options, plan });
    this.programs.push(program);
    const replaced = program.death.then(async () => {
      void this.#workers
        .get(program)
        ?.stop({ deadline: 0 })
        .catch(() => undefined);
      this.#workers.delete(program);
      if (!this.#isOver) await this.#startProgram(calm);
    });
    const flow = this.scene.build(siteOf(this.#executions, () => program.isAlive));
    const runtime = new FlowRuntime({ registry: flow.registry });
    const soon = { lockDuration: 500, heartbeatInterval: 100, watchInterval: 50, maintenanceInterval: 500 };
    const { concurrency = 10 } = this.scene.options ?? {};
    const started = async () => {
      const options = { engine: program.face, workflows: [flow], runtime, concurrency, maxCrashes: 1_000, ...soon };
      const worker = new DistributedWorker(options);
      this.#workers.set(program, worker);
      // A start that fails now can be repeated later.
      await eventually(() => worker.start(), { timeout: this.options.timeout, interval: 5 });
    };
    await Promise.race([started(), replaced]);
  }

  #orchestratorOn(engine: Engine): DistributedOrchestrator {
    const flow = this.scene.build(siteOf([], () => true));
    const runtime = new FlowRuntime({ registry: flow.registry });
    return new OrchestratorBuilder().workflow(flow).runtime(runtime).engine(engine).build();
  }

  /** Sends the events that the run waits for, once for each wait, until the run has ended. */
  async #untilOver(orchestrator: DistributedOrchestrator, runId: string): Promise<void> {
    let sent = '';
    await eventually(
      async () => {
        const status = await orchestrator.status(runId);
        if (status !== 'awaiting') return ['completed', 'failed', 'stalled', 'cancelled'].includes(status);
        const { awaiting } = await orchestrator.result(runId);
        const { attempts } = await orchestrator.metrics(runId);
        const isOpen = (wait: Waiting) => (wait.until === undefined || wait.expires === true) && isAnswered(wait);
        const events = [...new Set(awaiting.filter(isOpen).map(({ event }) => event))];
        const wait = `${attempts} ${events}`;
        if (wait === sent) return false;
        sent = wait;
        for (const event of events) await orchestrator.signal(runId, event, payloadOf(event)).catch(() => undefined);
        return false;
      },
      { timeout: this.options.timeout, interval: 5 },
    );
  }

  async #faultsOf(orchestrator: DistributedOrchestrator, runId: string): Promise<string[]> {
    const seen = new Set<string>();
    const faults: string[] = [];
    for await (const { type, nodeId, visit } of orchestrator.events(runId, { follow: false })) {
      const what = `${type} ${nodeId}#${visit}`;
      if ((type === 'completed' || type === 'recovered') && seen.has(what)) faults.push(`${what} twice`);
      seen.add(what);
    }
    if ((await orchestrator.pendingWork(runId)).length > 0) faults.push('items are left');
    const states = async () => expect(await this.engine.workItemStateStore.getStates(runId)).toEqual([]);
    await eventually(states).catch((error) => faults.push(`states are left: ${error.message}`));
    // Late jobs of the run may be queued after its end; workers take and drop them.
    await this.#rest();
    const depth = async () => expect(await this.engine.queue.depth()).toEqual(nothing);
    await eventually(depth, { timeout: 15_000 }).catch((error) => faults.push(`jobs are left: ${error.message}`));
    return faults;
  }
}

/** Sends the events of a flow again and again, whether a node waits for them or not, until they come too late. */
export async function sendAll(orchestrator: DistributedOrchestrator, runId: string, flow: AnyFlow): Promise<void> {
  const waits = flow.toBlueprint().nodes.filter(({ uses }) => uses === 'wait');
  const answered = waits.filter(({ params }) => Number(params?.timeout ?? Infinity) > 60_000);
  for (const open = new Set(answered.map(({ id }) => id)); open.size > 0; await sleep(4)) {
    for (const event of open) {
      const outcome = await orchestrator.signal(runId, event, payloadOf(event)).catch(() => undefined);
      // In a loop, an event that has ended a wait may be waited for again.
      const isOver = outcome === 'duplicate' && (await orchestrator.run(runId)).finishedAt !== undefined;
      if (outcome === 'too-late' || isOver) open.delete(event);
    }
  }
}

/** Asserts what must be the same wherever a run is carried out. */
export function expectSame(ended: EndedOnFleet, expected: Ended, undisturbed: EndedOnFleet | undefined): void {
  expect(comparable(ended.result)).toEqual(comparable(expected.result));
  expect([...new Set(ended.executions)].toSorted()).toEqual([...new Set(expected.executions)].toSorted());
  expect(ended.faults).toEqual([]);
  expectCounts(ended.metrics);
  if (undisturbed !== undefined) expect(stepsOf(ended.metrics)).toEqual(stepsOf(undisturbed.metrics));
}

/** Asserts that each step counts once, and that the counts match the steps. */
function expectCounts({ attempts, completed, failed, retries, steps }: RunMetrics): void {
  const texts = steps.map(textOf);
  expect(texts.toSorted()).toEqual([...new Set(texts)].toSorted());
  const having = (status: StepMetrics['status']) => steps.filter((step) => step.status === status).length;
  expect({ attempts, completed, failed, retries }).toEqual({
    attempts: steps.length,
    completed: having('completed'),
    failed: having('failed'),
    retries: having('retrying'),
  });
}

function stepsOf({ steps }: RunMetrics): string[] {
  return steps
    .filter(({ nodeId }) => isKept(nodeId))
    .map(textOf)
    .toSorted();
}

function textOf({ nodeId, visit, attempt, status }: StepMetrics): string {
  return `${nodeId}#${visit}, attempt ${attempt}: ${status}`;
}

/** A sleep that is no longer needed may end first or be dropped with its run. */
function isKept(nodeId: string): boolean {
  return !nodeId.startsWith('sleep');
}

export function comparable(result: WorkflowResult) {
  const { context, completed, skipped, ...rest } = result;
  return pictureOf({
    ...rest,
    context: Object.fromEntries(Object.entries(context).filter(([key]) => isKept(key))),
    completed: completed.filter(isKept),
    skipped: skipped.filter(isKept),
  } as WorkflowResult);
}

function siteOf(executions: string[], isAlive: () => boolean): Site {
  return {
    begin: async (args: NodeArgs) => {
      if (!isAlive()) return never;
      const mark = markOf(args);
      executions.push(mark);
      return mark;
    },
    end: async () => (isAlive() ? undefined : never),
  };
}

function contextOf({ context }: Scene): Record<string, unknown> {
  return structuredClone(context ?? {}) as Record<string, unknown>;
}

function lastOf(text: string): string {
  const lines = text.split('\n');
  return [lines[0], ...lines.slice(1).slice(-40)].join('\n');
}
