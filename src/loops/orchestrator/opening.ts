import { type LoopFault, LoopStateError, type LoopStoreError } from '../errors.js';
import type { LoopStore, Stored } from '../store/contracts.js';
import { checkWorkflow, warningsOf } from '../workflow.js';
import type { LoadedWorkflow } from './loaded-workflow.js';
import { all } from './pausing.js';

/** What is opened before the first start, and whom it is told. */
export interface OpeningOptions {
  readonly store: LoopStore | undefined;
  readonly loaded: LoadedWorkflow;
  /** Called when the store cannot be written, and, with nothing, when it can again. */
  readonly onStore: (failure: LoopStoreError | undefined) => void;
  /** Called once, with what may be meant otherwise. */
  readonly onWarnings: (warnings: readonly LoopFault[]) => void;
  /** Called when all loops are ready. */
  readonly onReady: (stored: Stored | undefined) => void;
}

/**
 * What happens before the first start, once: the store is opened, loops are made ready, so that it is known what they read and
 * push to, and are checked with each other. What fails is tried again at the next start.
 *
 * Starts wait here, and are told what was stopped meanwhile.
 */
export class Opening {
  #opening: Promise<void> | undefined = undefined;
  #stored: Stored | undefined = undefined;
  #isStoreOpen = false;
  #isClosed = false;
  #hasWarned = false;
  /** Starts that wait until all is open, each with what was stopped meanwhile. */
  readonly #starts = new Set<Set<string>>();

  constructor(private readonly options: OpeningOptions) {}

  /** If true, no more workflows are loaded. */
  get hasBegun(): boolean {
    return this.#opening !== undefined;
  }

  /**
   * Resolves when all is open: with the ids of loops that were stopped meanwhile.
   *
   * @param loopId - which loop is to be started. Default: all
   * @throws {LoopStateError} where that was stopped meanwhile
   */
  async opened(loopId?: string): Promise<ReadonlySet<string>> {
    const stopped = new Set<string>();
    this.#starts.add(stopped);
    const isStopped = () => stopped.has(everything) || (loopId !== undefined && stopped.has(loopId));
    const stoppedEarly = () => new LoopStateError(loopId ?? '', 'stopped', 'it was stopped before it had begun');
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

  /** A loop is stopped, or all are: starts that wait do not begin it. */
  stop(loopId: string | undefined): void {
    for (const start of this.#starts) start.add(loopId ?? everything);
  }

  /** Lets go of threads and processes that were made ready and not started. */
  async discard(): Promise<void> {
    await Promise.all(this.options.loaded.loops.map((supervisor) => supervisor.discard()));
  }

  /** From now on nothing can be started. @returns when what is being opened is open, or has failed */
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
        throw new LoopStateError('', 'stopped', 'it was stopped before it had begun');
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
    if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed');
  }
}

/** In place of the id of a loop. */
const everything = '';
