import { sendTogether } from './together.js';

/** An entry to be appended to a saved run. */
export interface Appended {
  readonly seq: number;
  readonly text: string;
  readonly token: string | undefined;
}

/** The outcome of an append: `undefined` if the entry was added, otherwise the error. */
export type Outcome = Error | undefined;

interface Waiting extends Appended {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Maximum number of entries in a batch, and maximum sum of their characters. */
const mostEntries = 200;
const mostText = 4 * 2 ** 20;

/**
 * Appends the entries of each run in the order of the calls. At most one batch per run is in flight, because numbered
 * entries sent over several connections would overtake each other. Entries added while a batch is in flight form the
 * next batch.
 */
export class Appends {
  /** Entries still to be sent, by run. A run is in the map while one of its batches is in flight. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** @param send - adds entries with consecutive numbers, and returns the outcome of each */
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

  /**
   * Sends a batch. If the engine refuses an entry, all later entries of the batch are rejected too, because they would
   * leave a gap.
   */
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

/** Counts the entries at the head of a queue that fit into one batch. */
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
