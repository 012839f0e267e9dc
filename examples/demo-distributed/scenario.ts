import type { Outcome, Status } from './fleet.js';

interface Setting {
  /** How many runs. */
  readonly orders: number;
  /** Where the shop is. */
  readonly url: string;
  /** Resolves when the shop has been asked so often. */
  readonly asked: (requests: number) => Promise<void>;
  readonly print: (line: string) => void;
  readonly onStatus: (status: Status) => void;
}

export interface Result {
  readonly outcome: Outcome;
  /** How many jobs are left in the queue. */
  readonly left: number;
  /** How the program or the worker that was to die has ended. */
  readonly killed: string;
}

/** A fleet of which somebody dies half-way. */
export interface Scenario {
  readonly engine: string;
  readonly fleet: string;
  run(setting: Setting): Promise<Result>;
}
