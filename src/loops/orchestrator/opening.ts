import { type LoopFault, LoopStateError, type LoopStoreError } from '../errors.js';
import type { LoopStore, Stored } from '../store/contracts.js';
import { checkWorkflow, warningsOf } from '../workflow.js';
import type { LoadedWorkflow } from './loaded-workflow.js';
import { all } from './pausing.js';

/** Options of an `Opening`: what to open, and callbacks for the result. */
export interface OpeningOptions {
  readonly store: LoopStore | undefined;
  readonly loaded: LoadedWorkflow;
  /** Called with an error when the store cannot be written, and without an argument when writing works again. */
  readonly onStore: (failure: LoopStoreError | undefined) => void;
  /** Called once with the warnings about the workflow. */
  readonly onWarnings: (warnings: readonly LoopFault[]) => void;
  /** Called when all loops are prepared. */
  readonly onReady: (stored: Stored | undefined) => void;
}

/**
 * Prepares the first start of a workflow, once: opens the store, prepares all loops so that their queues are known, and
 * checks the loops against each other. After a failure the next start tries again.
 *
 * Every `start` waits for the opening. Each waiting start records which loops are stopped in the meantime.
 */
export class Opening {
  #opening: Promise<void> | undefined = undefined;
  #stored: Stored | undefined = undefined;
  #isStoreOpen = false;
  #isClosed = false;
  #hasWarned = false;
  /** Ids of loops that were stopped during the wait: a set for each waiting start. */
  readonly #starts = new Set<Set<string>>();

  constructor(private readonly options: OpeningOptions) {}

  /** If true, no more workflows can be loaded. */
  get hasBegun(): boolean {
    return this.#opening !== undefined;
  }

  /**
   * Waits until the workflow is open. Resolves with the ids of loops that were stopped in the meantime.
   *
   * @param loopId - the loop to be started. Default: all
   * @throws {LoopStateError} if this loop, or the whole workflow, was stopped in the meantime
   */
  async opened(loopId?: string): Promise<ReadonlySet<string>> {
    const stopped = new Set<string>();
    this.#starts.add(stopped);
    const isStopped = () => stopped.has(everything) || (loopId !== undefined && stopped.has(loopId));
    const stoppedEarly = () =>
      new LoopStateError(loopId ?? '', 'stopped', 'it was stopped during its start, call start() again');
    try {
      await this.#openOnce();
    } catch (error) {
      throw isStopped() ? stoppedEarly() : error;
    } finally {
      this.#starts.delete(stopped);
    }
    if (isStopped()) {
      await this.discard();
      throw stoppedEarly();
    }
    return stopped;
  }

  /** Cancels waiting starts of the given loop, or of all loops. */
  stop(loopId: string | undefined): void {
    for (const start of this.#starts) start.add(loopId ?? everything);
  }

  /** Releases threads and processes that were prepared but not started. */
  async discard(): Promise<void> {
    await Promise.all(this.options.loaded.loops.map((supervisor) => supervisor.discard()));
  }

  /** Prevents further starts. Resolves when an opening in progress has completed or failed. */
  async end(): Promise<void> {
    this.#isClosed = true;
    await this.discard();
    await this.#opening?.catch(() => undefined);
  }

  async closeStore(): Promise<void> {
    if (this.#isStoreOpen) await this.options.store?.close();
  }

  async #openOnce(): Promise<void> {
    this.#assertNotClosed();
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    this.#assertNotClosed();
  }

  async #open(): Promise<void> {
    const { store, loaded, onStore, onWarnings, onReady } = this.options;
    try {
      if (this.#stored === undefined) {
        this.#stored = await store?.open(onStore);
        this.#isStoreOpen = store !== undefined;
      }
      this.#assertNotClosed();
      if ([...this.#starts].every((stopped) => stopped.has(everything)))
        throw new LoopStateError('', 'stopped', 'it was stopped during its start, call start() again');
      await all(loaded.loops.map((supervisor) => supervisor.prepare()));
      const shapes = loaded.loops.map(({ shape }) => shape);
      checkWorkflow(shapes, loaded.queues);
      if (!this.#hasWarned) onWarnings(warningsOf(shapes, loaded.queues));
      this.#hasWarned = true;
    } catch (error) {
      await this.discard();
      throw error;
    }
    onReady(this.#stored);
  }

  #assertNotClosed(): void {
    if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed, create a new WorkflowOrchestrator');
  }
}

/** Element of a set of loop ids that stands for all loops. */
const everything = '';
