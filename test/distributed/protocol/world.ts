import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type DistributedOrchestrator,
  DistributedWorker,
  type Engine,
  type JobState,
  memory,
  OrchestratorBuilder,
  type StatusChange,
} from 'orchestrator/distributed';
import type {
  Commit,
  CommitAnswer,
  ConsumeOptions,
  Consumer,
  Delivery,
  Disposition,
  Handler,
  Job,
} from 'orchestrator/distributed/engine';
import type { FlowRuntime } from 'orchestrator/flow';
import { vi } from 'vitest';
import { isFinished } from '../../../src/distributed/run-info.js';
import { deferred, settled } from '../../support.js';
import { type AnyFlow, Journals, type KeptRun } from './journals.js';

/*
 * A fleet in which nothing happens by itself. Workers and orchestrators are the real ones; whatever they ask of the
 * engine waits until a scheduler lets it happen. All state is that of the engine, and that of each program, which is a
 * function of what it was given so far: so two moments with the same engine and the same histories are the same.
 */

export const runId = 'run';

/** A step that could happen next. */
export interface Choice {
  readonly label: string;
  happen(): void | Promise<void>;
}

/** A fault that the scheduler can make happen. */
export type Fault =
  /** A worker dies and is replaced a moment later. The jobs that it held are delivered again. */
  | 'crash'
  /** A job is taken from a worker that continues with it and is told later, or never. */
  | 'lost lock'
  /** A job that is done is delivered once more. */
  | 'late delivery'
  /** The journal is compacted. */
  | 'compaction';

export interface Setting {
  readonly flow: AnyFlow;
  readonly runtime: FlowRuntime;
  readonly workers: number;
  readonly concurrency: number;
  /** Maximum number of faults. */
  readonly faults?: number;
  readonly kinds?: readonly Fault[];
  /** The operations on the run, each by an orchestrator of its own, at any moment. */
  readonly controls?: readonly Control[];
  /** If true, other steps may happen while an answer is on its way. */
  readonly isSlow?: boolean;
  /** If true, so much time passes between deliveries that workers read runs anew. */
  readonly isForgetful?: boolean;
  /** If true, the execution of a node takes time in which other steps happen. */
  readonly hasSteps?: boolean;
}

export type Control = (orchestrator: DistributedOrchestrator) => Promise<unknown>;

/** A program: a worker or an orchestrator. */
interface Program {
  readonly name: string;
  isAlive: boolean;
  /** If true, the calls of the program happen at once. */
  isFree: boolean;
  /** A hash of all answers that the program was given so far. */
  history: number;
  calls: number;
  readonly parked: Parked[];
  readonly active: Held[];
  /** Notifications that were sent to the program and have not arrived yet. */
  readonly notices: StatusChange[];
  concurrency: number;
  handler?: Handler;
  onError?: (error: unknown) => void;
  listener?: (change: StatusChange) => void;
  worker?: DistributedWorker;
}

/** A call that has not happened yet, or whose answer is on its way. */
interface Parked {
  readonly number: number;
  readonly label: string;
  readonly effect: () => unknown;
  readonly digest: (answer: never) => string;
  readonly isSlow: boolean;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
  answer?: { readonly value: unknown; readonly digest: string };
}

interface Queued {
  readonly job: Job;
  state: JobState;
  due: number;
  crashes: number;
  holder: Held | undefined;
}

/** A job that a worker holds. */
interface Held {
  readonly queued: Queued;
  readonly abort: AbortController;
}

const inProgram = new AsyncLocalStorage<Program>();
const interned = new Map<string, number>();

/** Returns the same number for the same text. */
function intern(text: string): number {
  let number = interned.get(text);
  if (number === undefined) {
    number = interned.size;
    interned.set(text, number);
  }
  return number;
}

/** For nodes that take time: resolves when the scheduler decides so. */
export function step(label: string): Promise<void> {
  const program = inProgram.getStore();
  const world = program && worlds.get(program);
  return world?.setting.hasSteps ? world.pause(program as Program, label) : Promise.resolve();
}

let timesAskedOutside = 0;

/** For nodes: returns true if the run was retried. Outside of a world, returns true from the second call on. */
export function isTakenUpAgain(): boolean {
  const program = inProgram.getStore();
  const world = program && worlds.get(program);
  if (world === undefined) return timesAskedOutside++ > 0;
  const { snapshot, entries } = world.run;
  return (snapshot.epoch ?? 0) > 0 || entries.some(({ text }) => text.includes('"type":"retried"'));
}

const worlds = new WeakMap<Program, World>();

export class World {
  readonly trace: string[] = [];
  readonly errors: unknown[] = [];
  /** The refusals of operations on the run, by the number of the operation. */
  readonly refusals = new Map<number, unknown>();
  /** The answers to operations on the run. */
  readonly answers: unknown[] = [];
  readonly journal: Journals;
  readonly inner = memory();
  faultsLeft: number;
  readonly #programs: Program[] = [];
  readonly #queue = new Map<string, Queued>();
  readonly #done: Job[] = [];
  readonly #toStart: { readonly control: Control; readonly at: number }[];
  #born = 0;
  #isOver = false;

  constructor(readonly setting: Setting) {
    this.faultsLeft = setting.faults ?? 0;
    this.#toStart = (setting.controls ?? []).map((control, at) => ({ control, at }));
    this.journal = new Journals(setting.flow, setting.runtime);
  }

  get run(): KeptRun {
    return this.journal.run;
  }

  /** Starts a run and the workers. Nothing is delivered yet. */
  async begin(input?: unknown): Promise<void> {
    vi.setSystemTime(1_000_000);
    const starter = this.#program('starter', 0);
    const engine = this.#engineOf(starter);
    starter.isFree = true;
    await this.#orchestrator(engine).startRun({ total: 0 }, input, { runId });
    starter.isAlive = false;
    this.#programs.length = 0;
    for (let count = 0; count < this.setting.workers; count++) this.#startWorker();
    await settled();
  }

  /** Lists the steps that could happen next, always in the same order. */
  choices(): Choice[] {
    const choices: Choice[] = [];
    for (const program of this.#programs) {
      if (!program.isAlive) continue;
      for (const parked of program.parked) choices.push(this.#release(program, parked));
      for (const notice of program.notices) choices.push(this.#hear(program, notice));
      for (const held of program.active) {
        if (held.queued.holder !== held && !held.abort.signal.aborted) choices.push(this.#loseLock(program, held));
      }
    }
    const waiting = [...this.#queue.values()].filter(({ state }) => state === 'waiting');
    for (const queued of waiting) {
      for (const program of this.#programs) {
        if (program.isAlive && program.active.length < program.concurrency)
          choices.push(this.#deliver(program, queued));
      }
    }
    if ([...this.#queue.values()].some(({ state }) => state === 'delayed')) choices.push(this.#tick());
    for (const start of this.#toStart) choices.push(this.#startControl(start));
    if (this.faultsLeft > 0) choices.push(...this.#faults());
    return choices;
  }

  async take({ label, happen }: Choice): Promise<void> {
    this.trace.push(label);
    await happen();
    await settled();
  }

  /** The current moment as text. Workers are interchangeable. */
  key(): string {
    const programs = this.#programs.filter(({ isAlive }) => isAlive).map(keyOf);
    const queue = [...this.#queue.values()].map(
      ({ job, state, crashes, due }) =>
        `${job.id}/${job.seq}/${state}/${crashes}/${state === 'delayed' ? due - Date.now() : ''}`,
    );
    const done = this.faultsLeft > 0 ? this.#done.map(({ id, seq }) => `${id}/${seq}`).sort() : [];
    return [
      this.journal.key,
      programs.sort().join(),
      queue.sort().join(),
      done.join(),
      this.faultsLeft,
      this.#toStart.map(({ at }) => at).join(),
    ].join(';');
  }

  /** The jobs in the queue. */
  get queued(): string[] {
    return [...this.#queue.values()].map(({ job, state }) => `${job.id} ${state}`);
  }

  get parked(): string[] {
    return this.#programs.flatMap(({ name, isAlive, parked }) =>
      isAlive ? parked.map(({ label }) => `${name} ${label}`) : [],
    );
  }

  /** Performs an operation on the run when nothing else happens, then whatever follows, in any order. */
  async control(control: Control): Promise<void> {
    this.faultsLeft = 0;
    this.#toStart.push({ control, at: this.refusals.size + 100 });
    await this.drain();
  }

  /** Returns an orchestrator to inspect the run as a user would. */
  look(): DistributedOrchestrator {
    return this.#orchestrator(this.inner);
  }

  async drain(): Promise<void> {
    for (let steps = 0; ; steps++) {
      const [choice] = this.choices();
      if (choice === undefined) return;
      if (steps > 1_000) throw new Error('it does not end');
      await this.take(choice);
    }
  }

  /** Ends all programs. */
  async end(): Promise<void> {
    this.#isOver = true;
    for (const { worker } of this.#programs) void worker?.stop({ deadline: 0 }).catch(() => undefined);
  }

  /** Parks a step of a node. */
  pause(program: Program, label: string): Promise<void> {
    return this.park(program, `node ${label}`, () => undefined, String, false);
  }

  #program(name: string, concurrency: number): Program {
    const program: Program = {
      name,
      isAlive: true,
      isFree: false,
      history: intern(name.replace(/\d+$/, '')),
      calls: 0,
      parked: [],
      active: [],
      notices: [],
      concurrency,
    };
    worlds.set(program, this);
    this.#programs.push(program);
    return program;
  }

  #startWorker(): void {
    const { flow, runtime, concurrency } = this.setting;
    const program = this.#program(`w${this.#born++}`, concurrency);
    const never = 2 ** 30;
    program.worker = new DistributedWorker({
      engine: this.#engineOf(program),
      workflows: [flow],
      runtime,
      concurrency,
      // What nodes have taken must not change the order of the steps.
      nodesPerJob: 1,
      id: program.name,
      heartbeatInterval: never,
      watchInterval: never,
      maintenanceInterval: never,
    });
    program.worker.on('warning', (error) => this.errors.push(error));
    void program.worker.start().catch((error) => this.errors.push(error));
  }

  #orchestrator(engine: Engine): DistributedOrchestrator {
    return new OrchestratorBuilder().workflow(this.setting.flow).runtime(this.setting.runtime).engine(engine).build();
  }

  #startControl(start: { readonly control: Control; readonly at: number }): Choice {
    return {
      label: `control ${start.at} begins`,
      happen: () => {
        this.#toStart.splice(this.#toStart.indexOf(start), 1);
        const program = this.#program(`c${start.at}`, 0);
        const end = (error?: unknown) => {
          program.isAlive = false;
          if (error !== undefined) this.refusals.set(start.at, error);
        };
        const heard = (answer: unknown) => {
          this.answers.push(answer);
          end();
        };
        void start.control(this.#orchestrator(this.#engineOf(program))).then(heard, end);
      },
    };
  }

  // Calls of the engine

  park<Answer>(
    program: Program,
    label: string,
    effect: () => Answer | Promise<Answer>,
    digest: (answer: Answer) => string,
    isSlow = this.setting.isSlow === true,
  ): Promise<Answer> {
    if (this.#isOver) return new Promise(() => {});
    if (program.isFree) return Promise.resolve(effect());
    const { promise, resolve, reject } = deferred<Answer>();
    program.parked.push({ number: program.calls++, label, effect, digest, isSlow, resolve, reject });
    return promise;
  }

  #engineOf(program: Program): Engine {
    const { inner } = this;
    const park: World['park'] = (...call) => this.park(...call);
    const engine: Engine = {
      ...inner,
      name: inner.name,
      open: async () => {},
      close: async () => {},
      begin: (run) => park(program, 'begin', () => this.#begin(run), String),
      commit: (id, known, commits) =>
        park(
          program,
          `commit ${commits.map(titleOf).join(' + ')}`,
          () => this.#commit(id, known, commits),
          (answer) => this.#digestOf(answer),
        ),
      subscribe: async (listener) => {
        program.listener = listener;
        return () => {};
      },
      checkpointStore: wrapped(inner.checkpointStore, {
        read: (id: string, after?: number) =>
          park(
            program,
            'read',
            () => inner.checkpointStore.read(id, after),
            () => this.journal.key,
          ),
        compact: async () => {},
      }),
      workItemStateStore: wrapped(inner.workItemStateStore, {
        countCrash: (id: string, item: string, crash: string) =>
          park(program, 'count crash', () => inner.workItemStateStore.countCrash(id, item, crash), String),
      }),
      queue: {
        get engine() {
          return engine;
        },
        enqueue: (jobs) =>
          park(
            program,
            `enqueue ${jobs.map(({ id }) => id).join()}`,
            () => this.#enqueue(jobs),
            () => '',
          ),
        consume: async (handler, options) => this.#consume(program, handler, options),
        purgeRun: (_id, jobIds) =>
          park(
            program,
            'purge',
            () => this.#purge(jobIds),
            () => '',
          ),
        statesOf: (jobIds) =>
          park(program, 'states', () => jobIds.map((id) => this.#queue.get(id)?.state ?? 'absent'), String),
        depth: () => inner.queue.depth(),
      },
    };
    return engine;
  }

  async #begin(run: Parameters<Engine['begin']>[0]): ReturnType<Engine['begin']> {
    const answer = await this.inner.begin(run);
    this.journal.begin(run, answer.record);
    return answer;
  }

  async #commit(id: string, known: number, commits: readonly Commit[]): Promise<CommitAnswer | undefined> {
    const before = this.run.status;
    const answer = await this.inner.commit(id, known, commits);
    if (answer === undefined) return answer;
    this.journal.note(commits, answer);
    if (answer.status !== before && answer.status === 'cancelled') {
      const notice = { runId: id, status: answer.status };
      for (const { isAlive, worker, notices } of this.#programs)
        if (isAlive && worker !== undefined) notices.push(notice);
    }
    return answer;
  }

  #digestOf(answer: CommitAnswer | undefined): string {
    return answer === undefined ? 'none' : `${answer.verdicts.join()}@${this.journal.key}`;
  }

  #enqueue(jobs: readonly Job[]): void {
    for (const job of jobs) {
      if (this.#queue.has(job.id)) continue;
      const queued: Queued = { job, state: 'waiting', due: 0, crashes: 0, holder: undefined };
      this.#queue.set(job.id, queued);
      this.#putBack(queued, job.delay);
    }
  }

  #putBack(queued: Queued, delay: number): void {
    queued.holder = undefined;
    queued.state = delay > 0 ? 'delayed' : 'waiting';
    queued.due = Date.now() + delay;
  }

  #purge(jobIds: readonly string[]): void {
    for (const id of jobIds) if (this.#queue.get(id)?.state !== 'active') this.#queue.delete(id);
  }

  #consume(program: Program, handler: Handler, { onError }: ConsumeOptions): Consumer {
    program.handler = handler;
    program.onError = onError;
    const nothing = async () => {};
    return { pause: nothing, resume: nothing, close: nothing, terminate: nothing };
  }

  // Possible steps

  #release(program: Program, parked: Parked): Choice {
    const { label, effect, digest, number, isSlow } = parked;
    const answer = async () => {
      const { value, digest } = parked.answer as NonNullable<Parked['answer']>;
      program.parked.splice(program.parked.indexOf(parked), 1);
      program.history = intern(`${program.history} ${number} ${digest}`);
      parked.resolve(value as never);
    };
    if (parked.answer !== undefined) return { label: `${program.name} hears of ${label}`, happen: answer };
    return {
      label: `${program.name} ${label}`,
      happen: async () => {
        const value = await effect();
        parked.answer = { value, digest: digest(value as never) };
        if (!isSlow) await answer();
      },
    };
  }

  #hear(program: Program, notice: StatusChange): Choice {
    return {
      label: `${program.name} is told ${notice.status}`,
      happen: () => {
        program.notices.splice(program.notices.indexOf(notice), 1);
        program.history = intern(`${program.history} ${notice.status}`);
        program.listener?.(notice);
      },
    };
  }

  #deliver(program: Program, queued: Queued): Choice {
    const { id, seq } = queued.job;
    return {
      label: `${program.name} gets ${id}${queued.crashes > 0 ? ` again (${queued.crashes})` : ''}`,
      happen: () => {
        if (this.setting.isForgetful) vi.advanceTimersByTime(20);
        const held: Held = { queued, abort: new AbortController() };
        queued.state = 'active';
        queued.holder = held;
        program.active.push(held);
        program.history = intern(`${program.history} ${id} ${seq} ${queued.crashes}`);
        const delivery: Delivery = { job: queued.job, crashes: queued.crashes, signal: held.abort.signal };
        void inProgram.run(program, () => this.#handle(program, held, delivery));
      },
    };
  }

  async #handle(program: Program, held: Held, delivery: Delivery): Promise<void> {
    let disposition: Disposition;
    try {
      disposition = await (program.handler as Handler)(delivery);
    } catch (error) {
      this.errors.push(error);
      disposition = { delay: 1_000 };
    }
    const label = disposition === 'done' ? 'done' : `back in ${disposition.delay} ms`;
    await this.park(
      program,
      `${delivery.job.id} ${label}`,
      () => this.#dispose(program, held, disposition),
      () => '',
      false,
    );
  }

  #dispose(program: Program, held: Held, disposition: Disposition): void {
    program.active.splice(program.active.indexOf(held), 1);
    const { queued } = held;
    if (queued.holder !== held) return;
    if (disposition !== 'done') {
      this.#putBack(queued, disposition.delay);
      return;
    }
    queued.holder = undefined;
    this.#queue.delete(queued.job.id);
    this.#done.push(queued.job);
  }

  #tick(): Choice {
    const delayed = [...this.#queue.values()].filter(({ state }) => state === 'delayed');
    const due = Math.min(...delayed.map((queued) => queued.due));
    return {
      label: 'time passes',
      happen: () => {
        vi.advanceTimersByTime(Math.max(0, due - Date.now()));
        for (const queued of delayed) if (queued.due <= due) queued.state = 'waiting';
      },
    };
  }

  #loseLock(program: Program, held: Held): Choice {
    return {
      label: `${program.name} is told that it has lost ${held.queued.job.id}`,
      happen: () => {
        program.history = intern(`${program.history} lost ${held.queued.job.id}`);
        held.abort.abort(new Error('the lock is lost'));
      },
    };
  }

  *#faults(): Generator<Choice> {
    const { kinds = ['crash', 'lost lock', 'late delivery'] } = this.setting;
    const isOver = isFinished(this.run.status) && this.#queue.size === 0;
    if (isOver && !kinds.includes('late delivery')) return;
    for (const program of this.#programs) {
      if (!program.isAlive || program.worker === undefined || program.active.length === 0) continue;
      if (kinds.includes('crash')) yield this.#fault(`${program.name} dies`, () => this.#kill(program));
      for (const held of kinds.includes('lost lock') ? program.active : []) {
        if (held.queued.holder !== held) continue;
        yield this.#fault(`${program.name} loses ${held.queued.job.id}`, () => takeBack(held.queued));
      }
    }
    if (kinds.includes('late delivery')) {
      for (const job of this.#done) {
        if (!this.#queue.has(job.id)) yield this.#fault(`${job.id} comes late`, () => this.#enqueue([job]));
      }
    }
    if (kinds.includes('compaction') && this.journal.isLonger) {
      yield this.#fault('the journal is compacted', () => this.journal.compact(this.inner));
    }
  }

  #fault(label: string, happen: () => void | Promise<void>): Choice {
    return {
      label,
      happen: () => {
        this.faultsLeft--;
        return happen();
      },
    };
  }

  #kill(program: Program): void {
    program.isAlive = false;
    for (const held of program.active) if (held.queued.holder === held) takeBack(held.queued);
    this.#startWorker();
  }
}

/** Gives the job back to the queue. */
function takeBack(queued: Queued): void {
  queued.holder = undefined;
  queued.state = 'waiting';
  queued.crashes++;
}

function keyOf({ history, parked, active, notices }: Program): string {
  const calls = parked.map(({ number, answer }) => `${number}${answer === undefined ? '' : `=${answer.digest}`}`);
  const held = active.map(
    (one) => `${one.queued.job.id}${one.queued.holder === one ? '' : '!'}${one.abort.signal.aborted}`,
  );
  return `${history}[${calls.join()}|${held.join()}|${notices.length}]`;
}

function titleOf({ text }: Commit): string {
  const { type, node } = JSON.parse(text) as { type: string; node?: string };
  return node === undefined ? type : `${node} ${type}`;
}

/** Wraps a store and replaces some of its methods. */
function wrapped<Store extends object>(store: Store, own: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, key) => {
      const value = Reflect.get(own, key) ?? Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(Object.hasOwn(own, key) ? own : target) : value;
    },
  });
}
