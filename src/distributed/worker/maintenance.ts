import type { Engine, ExpiredRun } from '../contracts.js';
import { RunNotFoundError, WorkflowChangedError, WorkflowNotFoundError } from '../errors.js';
import { concludeBeside } from '../run/conclude.js';
import { enqueueMissing, wakeLate } from '../run/jobs.js';
import { openRun } from '../run/run-handles.js';
import { isFinished, type RunCursor } from '../run-info.js';
import type { Workflows } from '../workflows/workflows.js';

/** Number of runs per page. Also the number of idle runs on which a round may spend the whole interval. */
const most = 100;

/** The fraction of the interval that a round may spend on further idle runs. */
const share = 1 / 20;

/** Options of `Maintenance`. */
export interface MaintenanceOptions {
  /** Milliseconds between two rounds. */
  readonly interval: number;
  /** Milliseconds without a commit after which a run is idle. Default: the interval. */
  readonly idle?: number | undefined;
  /** Returns true when the round should end before the next run. Default: always false. */
  readonly isStopping?: (() => boolean) | undefined;
  /** Called with the error of a step, and with the run if the step concerned one. The round then continues. */
  readonly onError: (error: unknown, details: { readonly runId?: string }) => void;
}

/**
 * The regular maintenance of a worker. A round removes runs whose retention has passed. It also checks idle runs, in
 * which nothing has happened for a while. It queues the jobs of these runs that the queue has lost or never received,
 * for instance because the program that started the run died too early.
 *
 * A round continues with the idle runs after the last run of the previous round, and starts over after the last idle
 * run. It checks a hundred idle runs, and further runs until it has taken a twentieth of the interval.
 */
export class Maintenance {
  /** Idle runs that were listed but have not been checked yet. */
  #idle: string[] = [];
  /** The cursor of the page that was listed last. */
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

  /** Removes all expired runs, page by page. */
  async #removeExpired(): Promise<void> {
    const { runInfoStore } = this.engine;
    for (let before = new Set<string>(); !this.#isStopping; ) {
      const runs = await runInfoStore.listExpired(most);
      // A page that contains only runs that were just removed ends the loop, because removing them again would not
      // help.
      if (runs.every(({ runId }) => before.has(runId))) return;
      before = new Set(runs.map(({ runId }) => runId));
      // The incarnation protects a new run that was started under the same id.
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

  /** Returns the next idle run, or `undefined` after the last one. The next call then starts over. */
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

/** Queues the missing jobs of a run. Jobs that are already in the queue are left unchanged. */
async function recover(engine: Engine, workflows: Workflows, runId: string): Promise<void> {
  try {
    const handle = await openRun(engine, workflows, runId);
    if (isFinished(handle.status)) return;
    const items = [...handle.replica.ledger.values()].filter(({ job }) => job !== undefined);
    await enqueueMissing(engine.queue, handle, items);
    await wakeLate(engine.queue, handle);
    if (items.length === 0 && handle.status === 'running') await concludeBeside(engine.queue, handle);
  } catch (error) {
    // Another worker has the workflow or its graph, or the run was removed.
    const isForOthers = error instanceof WorkflowNotFoundError || error instanceof WorkflowChangedError;
    if (!isForOthers && !(error instanceof RunNotFoundError)) throw error;
  }
}
