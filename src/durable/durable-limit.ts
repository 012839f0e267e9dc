import type { Cancellation } from '../kernel/cancellation.js';
import { TimeoutError } from '../kernel/errors.js';
import type { Entry } from './history.js';
import { limitOf } from './identity.js';
import type { Recording } from './recording.js';

/**
 * The time limit of a group or a nested run, by a deadline that is recorded, so that it holds over all lives. The expiry
 * is an outcome like any other: it is recorded and handed out in its turn.
 *
 * Nobody waits for the expiry, so it comes after everything that was recorded before it, however long the code takes to
 * ask for that again, up to the limit itself:
 *
 *     expiry recorded ────► handed out after all outcomes before it
 *     deadline is over ───► recorded when all that is recorded has been handed out
 *     limit passes again ─► no longer waits for outcomes that the code should have asked for by now
 */
export class DurableLimit {
  readonly #identity: string;
  readonly #cancels: (() => void)[] = [];
  #entry: Entry | undefined;
  #isReached = false;
  #isOver = false;

  constructor(
    private readonly recording: Recording,
    path: string,
    private readonly cancellation: Cancellation,
    private readonly name: string,
    private readonly timeout: number,
  ) {
    this.#identity = limitOf(path);
    if (recording.isOver) cancellation.limit(name, timeout);
    else this.#begin();
  }

  end(): void {
    this.#isOver = true;
    this.#hurry();
    for (const cancel of this.#cancels) cancel();
  }

  #begin(): void {
    const { history, order, timers } = this.recording;
    const entry = history.claim(this.#identity);
    const isRecorded = entry?.outcome !== undefined;
    const latest = Date.now() + this.timeout;
    const due = entry?.due ?? latest;
    if (entry === undefined) void this.#append(`"d":${due}`);
    this.cancellation.announce(due - Date.now());
    if (isRecorded) {
      this.#entry = entry;
      entry.isPatient = true;
      entry.receiver = { receive: () => this.#expire() };
      this.#cancels.push(timers.at(latest, () => this.#hurry()));
    } else {
      this.#cancels.push(timers.at(due, () => order.whenCaughtUp(() => void this.#reach())));
      if (due < latest) this.#cancels.push(timers.at(latest, () => void this.#reach()));
    }
    order.asked();
  }

  /** Hands a recorded expiry out without waiting for the outcomes before it. */
  #hurry(): void {
    if (!this.#entry?.isPatient) return;
    this.#entry.isPatient = false;
    this.recording.order.asked();
  }

  async #reach(): Promise<void> {
    if (this.#isReached || this.#isOver || this.cancellation.aborted) return;
    this.#isReached = true;
    const { recording } = this;
    recording.host.executing();
    const error = recording.host.forms.write(new TimeoutError(this.name, this.timeout));
    if (await this.#append(`"e":${JSON.stringify(error)}`)) recording.order.add({ handOut: () => this.#expire() });
  }

  #expire(): void {
    if (this.#isOver || this.cancellation.aborted) return;
    const error = new TimeoutError(this.name, this.timeout);
    this.recording.failures.note(error, [this.#identity]);
    this.cancellation.expired = error;
    this.cancellation.abort(error);
  }

  /** Returns false if the life has failed. */
  async #append(fields: string): Promise<boolean> {
    if (this.recording.isOver) return false;
    // The deadline stands beside the calls of the branch, so it is never alone.
    const text = `{"i":${JSON.stringify(this.#identity)},"p":1,${fields}}`;
    return this.recording.host.append(text).then(
      () => true,
      () => false,
    );
  }
}
