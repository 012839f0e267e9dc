import { type Cancellation, untilAborted } from '../../kernel/cancellation.js';
import { aText as aRunId } from '../engines/texts.js';
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
  readonly #watch: StatusWatch;

  /** @param end - a signal whose abort ends all waiting. Default: none */
  constructor(
    private readonly runs: Runs,
    end?: AbortSignal,
  ) {
    this.#watch = new StatusWatch(runs.engine, end);
  }

  /** Waits until a run has ended, and returns its record. */
  async untilOver(runId: string, { pollInterval = 1_000, signal }: WaitForOptions): Promise<RunRecord> {
    const until = this.#watch.until(signal);
    try {
      until.throwIfAborted();
      return (await untilAborted(until, this.#whenOver(runId, pollInterval, until))) as RunRecord;
    } finally {
      until.close();
    }
  }

  async *events(runId: string, options: EventsOptions): AsyncGenerator<RunEvent, void, undefined> {
    const { after = 0, follow = true, signal, pollInterval = 200 } = options;
    const { engine, workflows } = this.runs;
    const until = this.#watch.until(signal);
    let release: (() => void) | undefined;
    let of: RunRecord | undefined;
    try {
      release = await this.#watch.open(until);
      for (let seen = after; !until.aborted; ) {
        const next = this.#watch.next(runId, pollInterval, until);
        try {
          let status: RunStatus | undefined;
          for await (const page of pagesOf(engine.checkpointStore, aRunId(runId, 'runId'), seen)) {
            of ??= page.record;
            if (!isSameRun(page.record, of)) throw new RunNotFoundError(runId);
            for (const entry of page.entries) {
              const event = entry.seq > seen ? eventOf(runId, entry, workflows.codec) : undefined;
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
    this.#watch.close();
  }

  async #whenOver(runId: string, pollInterval: number, until: Cancellation): Promise<RunRecord> {
    const release = await this.#watch.open(until);
    try {
      for (;;) {
        const next = this.#watch.next(runId, pollInterval, until);
        try {
          const record = await this.runs.record(runId);
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
}
