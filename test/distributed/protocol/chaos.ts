import {
  type DistributedOrchestrator,
  DistributedWorker,
  type Engine,
  EngineError,
  type JobState,
  memory,
  OrchestratorBuilder,
} from 'orchestrator/distributed';
import type { Commit, Consumer, Delivery, Disposition, Handler } from 'orchestrator/distributed/engine';
import type { FlowRuntime } from 'orchestrator/flow';
import { turns } from '../../../src/distributed/testing/lateness.js';
import { eventually } from '../servers/eventually.js';
import { type AnyFlow, Journals } from './journals.js';

/** The probabilities of faults, each from 0 to 1. */
export interface Chaos {
  /** A request is lost: the engine does nothing, and the call rejects. */
  readonly lostRequests: number;
  /** An answer is lost: the engine carries out the call, and the call rejects. */
  readonly lostAnswers: number;
  /** A worker dies, at most twice in a run, since three deaths fail a node. */
  readonly crashes: number;
  /** A job is given to another worker while the first one continues with it. */
  readonly lostLocks: number;
  readonly compactions: number;
  /** The run is paused, and resumed a moment later. */
  readonly pauses: number;
}

export const calm: Chaos = { lostRequests: 0, lostAnswers: 0, crashes: 0, lostLocks: 0, compactions: 0, pauses: 0 };

const never = new Promise<never>(() => {});
const mostCrashes = 2;

interface Program {
  isAlive: boolean;
  readonly onDeath: Set<() => void>;
  worker?: DistributedWorker;
}

/** A fleet on an engine in memory. A sequence of random numbers from 0 to 1 decides which faults happen. */
export class ChaoticFleet {
  readonly inner = memory();
  readonly journal: Journals;
  readonly orchestrator: DistributedOrchestrator;
  /** Number of ends of nodes that were sent with the commit of a later node. */
  heldBack = 0;
  readonly #losses = new Map<string, number>();
  readonly #programs = new Set<Program>();
  #deaths = 0;
  #pausing: Promise<void> = Promise.resolve();

  constructor(
    private readonly flow: AnyFlow,
    private readonly runtime: FlowRuntime,
    private readonly concurrency: readonly number[],
    private readonly chaos: Chaos,
    private readonly random: () => number,
    private readonly nodesPerJob = 1,
  ) {
    this.journal = new Journals(flow, runtime);
    const engine = this.#engineOf({ isAlive: true, onDeath: new Set() }, calm);
    this.orchestrator = new OrchestratorBuilder().workflow(flow).runtime(runtime).engine(engine).build();
  }

  async start(): Promise<void> {
    await Promise.all(this.concurrency.map((concurrency) => this.#startWorker(concurrency)));
  }

  /** Resolves when the queue is empty. */
  async drained(): Promise<void> {
    await this.#pausing;
    await eventually(async () => {
      const { waiting, delayed, active } = await this.inner.queue.depth();
      if (waiting + delayed + active > 0) throw new Error(`${waiting} waiting, ${delayed} delayed, ${active} active`);
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#programs].map(({ worker }) => worker?.stop()));
  }

  async #startWorker(concurrency: number): Promise<void> {
    const program: Program = { isAlive: true, onDeath: new Set() };
    this.#programs.add(program);
    const engine = this.#engineOf(program, this.chaos);
    const { flow, runtime, nodesPerJob } = this;
    program.worker = new DistributedWorker({ engine, workflows: [flow], runtime, concurrency, nodesPerJob });
    program.onDeath.add(() => {
      this.#programs.delete(program);
      void this.#startWorker(concurrency);
    });
    await program.worker.start();
  }

  #happens(share: number): boolean {
    return share > 0 && this.random() < share;
  }

  /** Makes a call of a program. The request or the answer may be lost, or the program may die. */
  async #call<Answer>(program: Program, chaos: Chaos, call: () => Promise<Answer>): Promise<Answer> {
    if (!program.isAlive) return never;
    if (this.#happens(chaos.lostRequests)) throw new EngineError('memory', 'has lost the request');
    if (this.#happens(chaos.crashes)) this.#kill(program);
    if (!program.isAlive) return never;
    const answer = await call();
    if (this.#happens(chaos.crashes)) this.#kill(program);
    if (!program.isAlive) return never;
    if (this.#happens(chaos.lostAnswers)) throw new EngineError('memory', 'has lost the answer');
    return answer;
  }

  #kill(program: Program): void {
    if (this.#deaths >= mostCrashes || !program.isAlive) return;
    this.#deaths++;
    program.isAlive = false;
    for (const onDeath of program.onDeath) onDeath();
  }

  #engineOf(program: Program, chaos: Chaos): Engine {
    const { inner } = this;
    const call = <Answer>(work: () => Promise<Answer>) => this.#call(program, chaos, work);
    const engine: Engine = {
      ...inner,
      open: async () => {},
      close: async () => {},
      begin: async (run) => {
        const answer = await inner.begin(run);
        this.journal.begin(run, answer.record);
        return answer;
      },
      commit: (runId, known, commits) => call(() => this.#commit(runId, known, commits)),
      subscribe: (listener) => inner.subscribe((change) => program.isAlive && listener(change)),
      checkpointStore: Object.assign(Object.create(inner.checkpointStore), {
        read: (runId: string, after?: number) => call(() => inner.checkpointStore.read(runId, after)),
        compact: async () => {},
      }),
      queue: {
        get engine() {
          return engine;
        },
        enqueue: (jobs) => call(() => inner.queue.enqueue(jobs)),
        consume: (handler, options) => this.#consume(program, handler, options),
        purgeRun: (runId, jobIds) => call(() => inner.queue.purgeRun(runId, jobIds)),
        statesOf: (jobIds): Promise<readonly JobState[]> => call(() => inner.queue.statesOf(jobIds)),
        depth: () => inner.queue.depth(),
      },
    };
    return engine;
  }

  async #commit(runId: string, known: number, commits: readonly Commit[]) {
    this.heldBack += commits.filter(({ withPrevious }) => withPrevious).length;
    const answer = await this.inner.commit(runId, known, commits);
    if (answer === undefined) return answer;
    this.journal.note(commits, answer);
    if (this.#happens(this.chaos.compactions)) await this.journal.compact(this.inner);
    if (this.#happens(this.chaos.pauses)) this.#pausing = this.#pausing.then(() => this.#pause(runId));
    return answer;
  }

  /** Pauses the run, unless it has ended by then. */
  async #pause(runId: string): Promise<void> {
    const moments = Math.floor(this.random() * 4);
    try {
      await this.orchestrator.pause(runId);
      await turns(moments);
      await this.orchestrator.resume(runId);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_RUN_STATE') throw error;
    }
  }

  #consume(program: Program, handler: Handler, options: Parameters<Engine['queue']['consume']>[1]): Promise<Consumer> {
    let consumer: Consumer | undefined;
    const handling = (delivery: Delivery) => this.#handle(program, handler, delivery);
    // Not terminated, since its jobs would come to others only when their locks expire.
    program.onDeath.add(() => void consumer?.pause());
    return this.inner.queue.consume(handling, options).then((opened) => {
      consumer = opened;
      if (!program.isAlive) void opened.pause();
      return opened;
    });
  }

  /**
   * Handles a delivery. When the program dies or the lock is lost, the job goes back, whatever the handler still does.
   */
  #handle(program: Program, handler: Handler, delivery: Delivery): Promise<Disposition> {
    if (!program.isAlive) return turns(1).then(() => ({ delay: 0 }));
    const { id } = delivery.job;
    const abort = new AbortController();
    return new Promise((resolve) => {
      const giveBack = () => {
        this.#losses.set(id, (this.#losses.get(id) ?? 0) + 1);
        resolve({ delay: 0 });
      };
      program.onDeath.add(giveBack);
      const losses = this.#losses.get(id) ?? 0;
      // The crash is not reported: a worker that knows of it would wait to execute the item alone.
      const handled = handler({ ...delivery, crashes: 0, signal: abort.signal });
      void handled.then(
        (disposition) => {
          program.onDeath.delete(giveBack);
          resolve(disposition);
        },
        () => {
          program.onDeath.delete(giveBack);
          resolve({ delay: 0 });
        },
      );
      if (!this.#happens(this.chaos.lostLocks) || losses > 0) return;
      void turns(1).then(() => {
        giveBack();
        if (this.random() < 0.5) abort.abort(new Error('the lock is lost'));
      });
    });
  }
}
