import { randomUUID } from 'node:crypto';
import { thisProgram } from '../../shared/this-program.js';
import { LockedError } from '../errors.js';
import type { Claim } from './store.js';

/** The holds on runs within one program. */
export class Holds {
  readonly #holds = new Map<string, { readonly token: string; readonly holder: string; readonly since: number }>();

  /** @throws {LockedError} if the run is held */
  claim(runId: string, holder = thisProgram()): Claim {
    const held = this.#holds.get(runId);
    if (held !== undefined) throw new LockedError(runId, held.holder, held.since);
    const token = randomUUID();
    this.#holds.set(runId, { token, holder, since: Date.now() });
    return {
      token,
      release: async () => {
        if (this.#holds.get(runId)?.token === token) this.#holds.delete(runId);
      },
    };
  }

  /** @throws {LockedError} if the run is held with another token, or if the token belongs to a hold that has ended */
  check(runId: string, token: string | undefined): void {
    const held = this.#holds.get(runId);
    if (held?.token !== token) throw new LockedError(runId, held?.holder, held?.since);
  }
}
