import { sendTogether } from './together.js';

/** An entry of a run that is saved, on its way. */
export interface Appended {
  readonly seq: number;
  readonly text: string;
  readonly token: string | undefined;
}

/** What became of an entry: nothing for one that was added, else the error. */
export type Outcome = Error | undefined;

interface Waiting extends Appended {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How many entries go together at most, and how many characters they may have together. */
const mostEntries = 200;
const mostText = 4 * 2 ** 20;

/**
 * Sends entries of one run one after the other, in the order of the calls: they are numbered, and would overtake each other
 * on several connections. Those that come meanwhile go together in the next trip.
 */
export class Appends {
  /** By run, while something of it is under way. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** @param send - adds entries with numbers one behind the other, each if it may be */
  constructor(private readonly send: (runId: string, entries: readonly Appended[]) => Promise<readonly Outcome[]>) {}

  add(runId: string, entry: Appended): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { ...entry, resolve, reject };
      const queue = this.#waiting.get(runId);
      if (queue !== undefined) {
        queue.push(waiting);
        return;
      }
      const begun = [waiting];
      this.#waiting.set(runId, begun);
      void this.#pump(runId, begun);
    });
  }

  async #pump(runId: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await this.#sendBatch(runId, queue.splice(0, lengthOfFirst(queue)));
    this.#waiting.delete(runId);
  }

  /** An entry that the engine cannot take takes those behind it along, since they would leave a gap. */
  async #sendBatch(runId: string, batch: readonly Waiting[]): Promise<void> {
    let refusal: { readonly error: unknown } | undefined;
    await sendTogether(
      batch,
      async (part) => {
        if (refusal !== undefined) throw refusal.error;
        await this.#send(runId, part);
      },
      ({ reject }, error) => {
        refusal ??= { error };
        reject(error);
      },
    );
  }

  async #send(runId: string, batch: readonly Waiting[]): Promise<void> {
    const outcomes = await this.send(runId, batch);
    for (const [index, { resolve, reject }] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) resolve();
      else reject(outcome);
    }
  }
}

/** How many entries at the head of a queue can go together. */
function lengthOfFirst(queue: readonly Waiting[]): number {
  const [{ seq, token, text }] = queue as readonly [Waiting];
  let size = text.length;
  let count = 1;
  for (; count < Math.min(queue.length, mostEntries); count++) {
    const next = queue[count] as Waiting;
    size += next.text.length;
    if (next.seq !== seq + count || next.token !== token || size > mostText) break;
  }
  return count;
}
