import { SerializationError } from '../../flow/index.js';
import { Cancellation } from '../../kernel/cancellation.js';
import { isInstrumented, restored } from '../../kernel/hooks/instrumentation.js';
import type { Delivery, Disposition } from '../contracts.js';
import { RunNotFoundError, SupersededError, WorkflowChangedError, WorkflowNotFoundError } from '../errors.js';
import { isFor } from '../journal/incarnation.js';
import type { RunHandle } from '../run/run-handle.js';
import { RunHandles } from '../run/run-handles.js';
import { isFinished } from '../run-info.js';
import { JobRun } from './delivery.js';
import { GiveBacks } from './give-backs.js';
import type { Holding } from './holding.js';
import { giveUp, timeOut } from './run-ends.js';

/** Minimum and maximum delay, in milliseconds, of jobs whose workflow is unknown here. */
const ofUnknown = { least: 1_000, longest: 3_600_000 };

/**
 * The jobs that a worker holds. Aborts the executions of a job when its run is cancelled or replaced, or when the
 * worker stops.
 */
export class Deliveries {
  readonly #handles: RunHandles;
  /** Delays of jobs whose workflow is not known here. */
  readonly #unknown = new GiveBacks(ofUnknown);
  /** The cancellation of each job, with the run of the job. */
  readonly #aborts = new Map<Cancellation, RunHandle>();

  /** @param warn - reports a problem that has been handled */
  constructor(
    private readonly worker: Holding,
    private readonly warn: (error: unknown, details: Readonly<Record<string, unknown>>) => void,
  ) {
    this.#handles = new RunHandles(worker.engine, worker.workflows, {
      onTrouble: (error, runId) => warn(error, { runId }),
      onReplaced: (handle) => this.#supersede(handle, 'is gone: another run was started under its id'),
    });
  }

  /** Handles a job from its delivery until it is done or is given back. */
  async deliver(delivery: Delivery): Promise<Disposition> {
    const { id, runId } = delivery.job;
    const began = performance.now();
    this.worker.activity.take();
    try {
      const handle = await this.#handles.acquire(delivery.job);
      try {
        // The queue took the job back while its run was being read.
        if (delivery.signal.aborted) return { delay: 0 };
        return delivery.job.kind === 'timeout'
          ? await timeOut(handle, this.worker.engine)
          : await this.#handle(delivery, handle);
      } catch (error) {
        if (!(error instanceof SerializationError)) throw error;
        return await giveUp(handle, this.worker.engine, error);
      } finally {
        this.#handles.release(handle);
      }
    } catch (error) {
      if (error instanceof RunNotFoundError) return 'done';
      if (!(error instanceof WorkflowNotFoundError) && !(error instanceof WorkflowChangedError)) throw error;
      if (await this.#isOver(delivery.job)) return 'done';
      this.warn(error, { runId });
      return { delay: this.#unknown.delayOf(id, performance.now() - began) };
    } finally {
      this.worker.activity.letGo();
    }
  }

  /** Returns true if a job has nothing left to do, because its run has ended, was replaced, or is unknown. */
  async #isOver({ runId, incarnation }: Delivery['job']): Promise<boolean> {
    const record = await this.worker.engine.runInfoStore.getRun(runId);
    return record === undefined || !isFor(incarnation, record) || isFinished(record.status);
  }

  async #handle(delivery: Delivery, handle: RunHandle): Promise<Disposition> {
    const abort = new Cancellation([], true);
    const { deadline } = handle.record;
    if (deadline !== undefined) abort.announce(deadline - handle.now);
    const onLost = () => abort.abort(delivery.signal.reason);
    delivery.signal.addEventListener('abort', onLost);
    this.#aborts.set(abort, handle);
    const job = new JobRun(this.worker, handle, delivery, abort);
    try {
      // A run without a carrier gets an empty one, so that its nodes do not inherit the trace context of the delivery.
      if (isInstrumented()) return await restored(handle.replica.carrier ?? {}, () => job.run());
      return await job.run();
    } finally {
      abort.close();
      this.#aborts.delete(abort);
      delivery.signal.removeEventListener('abort', onLost);
    }
  }

  /** Checks the statuses of all runs in use, in case a notification of the engine was lost. */
  async watch(): Promise<void> {
    const runIds = this.#handles.used.map(({ runId }) => runId);
    if (runIds.length === 0) return;
    const statuses = await this.worker.engine.runInfoStore.getStatuses(runIds);
    for (const [index, runId] of runIds.entries()) this.onStatus(runId, statuses[index] ?? 'cancelled');
  }

  /** Handles a change to a run's status: aborts the executions of a cancelled run. */
  onStatus(runId: string, status: RunHandle['status']): void {
    if (isFinished(status)) this.#handles.forget(runId);
    if (status !== 'cancelled') return;
    for (const handle of new Set(this.#aborts.values())) {
      if (handle.runId === runId) this.#supersede(handle, `is ${status}`);
    }
  }

  /** Aborts the executions of all runs. */
  abort(why: string): void {
    for (const [abort, { runId }] of this.#aborts) abort.abort(new SupersededError(runId, why));
  }

  /** Aborts all executions of a run. */
  #supersede(of: RunHandle, why: string): void {
    for (const [abort, handle] of this.#aborts) {
      if (handle === of && !abort.aborted) abort.abort(new SupersededError(of.runId, why));
    }
  }
}
