import type { Engine, ExpiredRun } from '../contracts.js';
import { RunNotFoundError, WorkflowChangedError, WorkflowNotFoundError } from '../errors.js';
import { concludeBeside } from '../run/conclude.js';
import { enqueueMissing, wakeLate } from '../run/jobs.js';
import { openRun } from '../run/run-handles.js';
import { isFinished, type RunCursor } from '../run-info.js';
import type { Workflows } from '../workflows/workflows.js';

/** How many runs are asked for in one go, and how many idle ones are looked at in any case. */
const most = 100;

/** The part of an interval that is spent on more idle runs. */
const share = 1 / 20;

/** How runs are maintained. */
export interface MaintenanceOptions {
  /** Milliseconds between two looks. */
  readonly interval: number;
  /** For how many milliseconds nothing was committed to a run that is looked at. Default: the interval. */
  readonly idle?: number | undefined;
  /** If true, nothing more is begun. Default: never. */
  readonly isStopping?: (() => boolean) | undefined;
  /** Reports that a run could not be looked at. The runs behind it are looked at nevertheless. */
  readonly onError: (error: unknown, details: { readonly runId?: string }) => void;
}

/**
 * What a worker looks after now and then: runs whose retention is over are removed; and runs in which nothing has happened
 * for a while get those of their jobs that the queue has lost, or was never given (the starter of the run died in between).
 *
 * Idle runs are looked at in turn: each look goes on where the one before has ended, and begins again behind the last. A
 * look takes at most a hundred, and more while it has taken less than a twentieth of the interval.
 */
export class Maintenance {
  /** Idle runs that were listed and not looked at. */
  #idle: string[] = [];
  /** The last run of the page that was listed, and if true, no page follows. */
  #after: RunCursor | undefined = undefined;
  #isAtEnd = false;

  constructor(
    private readonly engine: Engine,
    private readonly workflows: Workflows,
    private readonly options: MaintenanceOptions,
  ) {}

  async look(): Promise<void> {
    await this.#attempt(() => this.#removeExpired());
    await this.#attempt(() => this.#recoverIdle());
  }

  /** All of them: more may expire between two looks than are listed in one go. */
  async #removeExpired(): Promise<void> {
    const { runInfoStore } = this.engine;
    for (let before = new Set<string>(); !this.#isStopping; ) {
      const runs = await runInfoStore.listExpired(most);
      // What is still there after it was removed would be there for ever.
      if (runs.every(({ runId }) => before.has(runId))) return;
      before = new Set(runs.map(({ runId }) => runId));
      // Another may have begun under its id since.
      const remove = ({ runId, incarnation }: ExpiredRun) => runInfoStore.deleteRun(runId, incarnation);
      await Promise.all(runs.map((run) => this.#attempt(() => remove(run), run.runId)));
    }
  }

  async #recoverIdle(): Promise<void> {
    const { interval } = this.options;
    const began = performance.now();
    const isOver = (looks: number) => performance.now() - began > interval * (looks < most ? 1 : share);
    for (let looks = 0; !this.#isStopping && !isOver(looks); looks++) {
      const runId = this.#idle.shift() ?? (await this.#nextIdle());
      if (runId === undefined) return;
      await this.#attempt(() => recover(this.engine, this.workflows, runId), runId);
    }
  }

  /** `undefined` at the end of the runs: the next look begins with the first. */
  async #nextIdle(): Promise<string | undefined> {
    const { idle = this.options.interval } = this.options;
    while (!this.#isAtEnd && !this.#isStopping) {
      const { runIds, cursor } = await this.engine.runInfoStore.listIdle(idle, most, this.#after);
      this.#after = cursor;
      this.#isAtEnd = cursor === undefined;
      this.#idle = [...runIds];
      if (runIds.length > 0) return this.#idle.shift();
    }
    this.#isAtEnd = false;
    return undefined;
  }

  async #attempt(work: () => Promise<void>, runId?: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.options.onError(error, runId === undefined ? {} : { runId });
    }
  }

  get #isStopping(): boolean {
    return this.options.isStopping?.() === true;
  }
}

/** Queues what is to be done in a run. What is in the queue already stays as it is. */
async function recover(engine: Engine, workflows: Workflows, runId: string): Promise<void> {
  try {
    const handle = await openRun(engine, workflows, runId);
    if (isFinished(handle.status)) return;
    const items = [...handle.replica.ledger.values()].filter(({ job }) => job !== undefined);
    await enqueueMissing(engine.queue, handle, items);
    await wakeLate(engine.queue, handle);
    if (items.length === 0 && handle.status === 'running') await concludeBeside(engine.queue, handle);
  } catch (error) {
    // Others know the workflow, or have removed the run.
    const isForOthers = error instanceof WorkflowNotFoundError || error instanceof WorkflowChangedError;
    if (!isForOthers && !(error instanceof RunNotFoundError)) throw error;
  }
}
