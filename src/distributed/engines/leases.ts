import { randomUUID } from 'node:crypto';
import { thisProgram } from '../../flow/checkpoint/index.js';
import { type Claim, LockedError } from '../../flow/index.js';
import type { Place } from './place.js';

/** A hold that somebody has on a run. */
export interface Held {
  readonly token: string;
  readonly holder: string;
  /** The id of the holder's place. */
  readonly place: string;
  /** When the run was taken, by the engine's clock, in epoch milliseconds. */
  readonly since: number;
}

/** A request for a hold. */
interface Taking extends Omit<Held, 'since'> {
  readonly runId: string;
  /** For how many milliseconds without a renewal the hold lasts. */
  readonly lease: number;
  /** The token of a holder that has died: its hold is over. */
  readonly instead: string | undefined;
}

/** What an engine does for holds. Each call may be repeated. */
export interface LeaseStore {
  place(): Promise<Place>;
  /** Takes a run. @returns the hold of somebody else, where there is one */
  take(taking: Taking): Promise<Held | undefined>;
  /** @returns the tokens of those that still hold their runs */
  renew(
    holds: readonly { readonly runId: string; readonly token: string }[],
    lease: number,
  ): Promise<readonly string[]>;
  release(runId: string, token: string): Promise<void>;
}

/** How many renewals there are within a lease. */
const renewals = 3;

/**
 * The holds of this program on runs that it saves, each a lease by the engine's clock, which a timer renews. A hold that
 * was not renewed in time (the program was stopped for a while) is over as soon as anybody else takes or writes the run.
 */
export class Leases {
  /** Runs by the tokens of their holds. */
  readonly #held = new Map<string, string>();
  /** Tokens that were given back, though the engine may not know. */
  readonly #givenBack = new Set<string>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #isRenewing = false;

  /** @param lease - for how many milliseconds without a renewal a hold lasts */
  constructor(
    private readonly store: LeaseStore,
    readonly lease: number,
  ) {}

  /** @throws {LockedError} while somebody else holds the run */
  async claim(runId: string, holder = thisProgram()): Promise<Claim> {
    const token = randomUUID();
    const place = await this.store.place();
    const taking = { runId, token, holder, place: place.id, lease: this.lease };
    let instead: string | undefined;
    for (;;) {
      const held = await this.store.take({ ...taking, instead });
      if (held === undefined) break;
      const isOver = this.#givenBack.has(held.token) || (await place.isDead(held.place));
      if (!isOver) throw new LockedError(runId, held.holder, held.since);
      instead = held.token;
    }
    if (instead !== undefined) this.#givenBack.delete(instead);
    this.#held.set(token, runId);
    this.#timer ??= setInterval(() => void this.#renew(), this.lease / renewals).unref();
    return { token, release: () => this.#release(runId, token) };
  }

  /** Renews nothing any more: what is held is over when its time is. */
  close(): void {
    this.#held.clear();
    this.#rest();
  }

  async #release(runId: string, token: string): Promise<void> {
    this.#held.delete(token);
    this.#rest();
    this.#givenBack.add(token);
    // What cannot be given back is over when its time is, or when this program takes the run again.
    await this.store.release(runId, token).then(
      () => this.#givenBack.delete(token),
      () => undefined,
    );
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      const holds = Array.from(this.#held, ([token, runId]) => ({ token, runId }));
      const kept = new Set(await this.store.renew(holds, this.lease));
      for (const { token } of holds) if (!kept.has(token)) this.#held.delete(token);
      this.#rest();
    } catch {
      // The next tick tries again.
    } finally {
      this.#isRenewing = false;
    }
  }

  #rest(): void {
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
