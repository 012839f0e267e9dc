import type { Process } from '../kernel/scope/process.js';
import { replayedChannel } from './channels.js';
import type { ErrorForms } from './error-forms.js';
import { DivergenceError } from './errors.js';
import { Failures } from './failures.js';
import type { History } from './history.js';
import type { Inbox } from './inbox.js';
import { Order } from './order.js';
import type { OutcomeRecord, StateRecord } from './records.js';
import { SharedResults } from './shared-results.js';
import { Timers } from './timers.js';
import type { Writing } from './writer.js';

/** The life that a recording belongs to. */
export interface Host {
  readonly runId: string;
  /** Number of the life, from 1. */
  readonly life: number;
  readonly inbox: Inbox;
  readonly forms: ErrorForms;
  /** Writes a record. If it cannot be written, the life ends, and everything that is pending is rejected. */
  write(record: Writing): void;
  /** Writes a record. Resolves when it is durable, and rejects if it cannot be written. */
  append(text: string): Promise<void>;
  /** Called before something is executed that is not recorded. */
  executing(): void;
  /** Ends the life with an error that no code can catch. */
  fail(error: Error): void;
  /** Throws the reason if the life has been aborted. */
  throwIfAborted(): void;
  /** Counts an outcome that was taken from the journal. */
  replayed(): void;
  /** Notes recorded changes of the state of a process. */
  changed(process: Process, changes: StateRecord['c']): void;
}

/** The part of a call that observers are told. */
interface Observed {
  readonly identity: string;
  readonly name: string;
  readonly scope: { readonly process: Process };
}

/** Records and replays the calls of one incarnation of a run. */
export class Recording {
  readonly order: Order;
  readonly timers = new Timers();
  readonly failures = new Failures();
  readonly shared = new SharedResults();
  /** The calls whose outcomes have not been handed out. */
  readonly pending = new Set<{ readonly identity: string; reject(reason: unknown): void }>();
  /** If true, the function has ended, and calls that it has left behind are no longer recorded. */
  isOver = false;
  /** If true, the code has called `again`, whose value the function must return. */
  isAgain = false;

  constructor(
    readonly history: History,
    readonly host: Host,
    /** Creation of this incarnation of the run, in epoch milliseconds. */
    readonly created: number,
  ) {
    this.order = new Order(history);
  }

  /** Resolves when the code waits for nothing that is recorded, or throws the reason of an abort of the life. */
  async gate(): Promise<void> {
    await this.order.gate();
    this.host.throwIfAborted();
  }

  /** Rejects everything that is pending. */
  stop(reason: unknown): void {
    this.isOver = true;
    this.order.stop();
    for (const call of this.pending) call.reject(reason);
  }

  /** @throws {DivergenceError} if the code has ended and has not asked for all that is recorded */
  async checkEnd(isAllowed: boolean, cause?: unknown): Promise<void> {
    if (this.history.unclaimed === 0) return;
    this.history.isHurried = true;
    await this.gate();
    const left = this.history.leftOver();
    if (left === undefined || isAllowed) return;
    throw new DivergenceError(this.host.runId, left.identity, undefined, cause === undefined ? undefined : { cause });
  }

  /** Tells observers of an outcome that was taken from the journal. */
  replayed({ identity, name, scope }: Observed, { e, a }: OutcomeRecord, args: readonly unknown[]): void {
    this.host.replayed();
    if (!replayedChannel.hasSubscribers) return;
    const status = a !== undefined ? 'cancelled' : e !== undefined ? 'failed' : 'completed';
    replayedChannel.publish({ processId: scope.process.id, identity, name, args, status });
  }
}
