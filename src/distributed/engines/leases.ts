import { randomUUID } from 'node:crypto';
import { type Claim, LockedError } from '../../flow/index.js';
import type { Place } from '../../shared/place.js';
import { thisProgram } from '../../shared/this-program.js';

/** A hold on a run: the exclusive right to write the run, for a limited time. */
export interface Held {
  readonly token: string;
  readonly holder: string;
  /** Id of the holder's place; see `Place`. */
  readonly place: string;
  /** The time at which the run was taken, in epoch milliseconds by the engine's clock. */
  readonly since: number;
}

/** A request for a hold on a run. */
interface Taking extends Omit<Held, 'since'> {
  readonly runId: string;
  /** Milliseconds that the hold lasts unless it is renewed. */
  readonly lease: number;
  /** Token of a dead holder, whose hold may be replaced. */
  readonly instead: string | undefined;
}

/** The operations on holds that an engine provides. All of them are idempotent. */
export interface LeaseStore {
  place(): Promise<Place>;
  /** Takes a run. If another holder has the run, returns the current hold. */
  take(taking: Taking): Promise<Held | undefined>;
  /** Renews holds. Returns the tokens of the holds that still exist. */
  renew(
    holds: readonly { readonly runId: string; readonly token: string }[],
    lease: number,
  ): Promise<readonly string[]>;
  release(runId: string, token: string): Promise<void>;
}

/** Number of renewals per lease. */
const renewals = 3;

/**
 * The holds that this program has on runs. Each hold is a lease by the engine's clock, renewed by a timer. A hold that
 * is not renewed in time, for example because the program was suspended, ends as soon as another program takes or
 * writes the run.
 */
export class Leases {
  /** Ids of the held runs, by the tokens of their holds. */
  readonly #held = new Map<string, string>();
  /** Tokens of released holds whose release the engine has not confirmed. */
  readonly #givenBack = new Set<string>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #isRenewing = false;

  /** @param lease - milliseconds that a hold lasts unless it is renewed */
  constructor(
    private readonly store: LeaseStore,
    readonly lease: number,
  ) {}

  /** @throws {LockedError} if another holder has the run */
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

  /** Stops all renewals. The holds end when their leases expire. */
  close(): void {
    this.#held.clear();
    this.#rest();
  }

  async #release(runId: string, token: string): Promise<void> {
    this.#held.delete(token);
    this.#rest();
    this.#givenBack.add(token);
    // After a failed release, the hold ends when its lease expires or when this program takes the run again.
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
