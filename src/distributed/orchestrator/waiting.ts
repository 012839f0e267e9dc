import { Cancellation, cancellationOf, untilAborted } from '../../kernel/cancellation.js';
import type { Engine } from '../contracts.js';
import { RunNotFoundError } from '../errors.js';
import { isSameRun } from '../journal/incarnation.js';
import { pagesOf } from '../journal/pages.js';
import { isFinished, type RunRecord, type RunStatus } from '../run-info.js';
import { eventOf, type RunEvent } from './run-events.js';
import type { Runs } from './runs.js';
import { StatusWatch } from './status-watch.js';
import type { EventsOptions, WaitForOptions } from './views.js';

/** Waits for runs to end, and follows the events of runs. */
export class Waiting {
  /** The watch of each engine on which a run was waited for: of each shard, if the engine consists of shards. */
  readonly #watches = new Map<Engine, StatusWatch>();
  readonly #end = new Cancellation([], true);

  /** @param closed - a signal whose abort ends all waiting. Default: none */
  constructor(
    private readonly runs: Runs,
    private readonly closed?: AbortSignal,
  ) {}

  /** Waits until a run has ended, and returns its record. */
  async untilOver(runId: string, { pollInterval = 1_000, signal }: WaitForOptions): Promise<RunRecord> {
    const until = this.#until(signal);
    try {
      until.throwIfAborted();
      return (await untilAborted(until, this.#whenOver(runId, pollInterval, until))) as RunRecord;
    } finally {
      until.close();
    }
  }

  async *events(runId: string, options: EventsOptions): AsyncGenerator<RunEvent, void, undefined> {
    const { after = 0, follow = true, signal, pollInterval = 200 } = options;
    const { codec } = this.runs.workflows;
    const until = this.#until(signal);
    let release: (() => void) | undefined;
    let of: RunRecord | undefined;
    try {
      const engine = await this.#engineOf(runId, until);
      if (engine === undefined) return;
      const watch = this.#watchOf(engine);
      release = await watch.open(until);
      for (let seen = after; !until.aborted; ) {
        const next = watch.next(runId, pollInterval, until);
        try {
          let status: RunStatus | undefined;
          for await (const page of pagesOf(engine.checkpointStore, runId, seen)) {
            of ??= page.record;
            if (!isSameRun(page.record, of)) throw new RunNotFoundError(runId);
            for (const entry of page.entries) {
              const event = entry.seq > seen ? eventOf(runId, entry, codec) : undefined;
              if (event !== undefined) yield event;
            }
            seen = Math.max(seen, page.entries.at(-1)?.seq ?? page.snapshot?.seq ?? 0);
            status = page.record.status;
          }
          if (status === undefined) throw new RunNotFoundError(runId);
          if (!follow || isFinished(status)) return;
          await next.changed;
        } finally {
          next.cancel();
        }
      }
    } finally {
      release?.();
      until.close();
    }
  }

  /** Ends all waiting. */
  close(): void {
    this.#end.abort(new DOMException('the orchestrator was closed', 'AbortError'));
  }

  async #whenOver(runId: string, pollInterval: number, until: Cancellation): Promise<RunRecord> {
    const engine = await this.runs.engineOf(runId);
    const watch = this.#watchOf(engine);
    const release = await watch.open(until);
    try {
      for (;;) {
        const next = watch.next(runId, pollInterval, until);
        try {
          const record = await engine.runInfoStore.getRun(runId);
          if (record === undefined) throw new RunNotFoundError(runId);
          if (isFinished(record.status)) return record;
          await next.changed;
          until.throwIfAborted();
        } finally {
          next.cancel();
        }
      }
    } finally {
      release();
    }
  }

  /** Returns the engine that has a run, or `undefined` if the waiting ends first. */
  async #engineOf(runId: string, until: Cancellation): Promise<Engine | undefined> {
    try {
      return (await untilAborted(until, this.runs.engineOf(runId))) as Engine;
    } catch (error) {
      if (until.aborted) return undefined;
      throw error;
    }
  }

  #watchOf(engine: Engine): StatusWatch {
    const watch = this.#watches.get(engine) ?? new StatusWatch(engine);
    this.#watches.set(engine, watch);
    return watch;
  }

  /**
   * Returns a cancellation that aborts with the signal's reason, or with an `AbortError` when the orchestrator is
   * closed. The caller must close the cancellation. All waits on the same signal share one listener.
   */
  #until(signal?: AbortSignal): Cancellation {
    const signals = [this.closed, signal].filter((one) => one !== undefined);
    const until = new Cancellation([this.#end, ...signals.map(cancellationOf)], true);
    for (const { aborted, reason } of signals) if (aborted) until.abort(reason);
    return until;
  }
}
