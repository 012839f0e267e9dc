import type { Outcome, Status } from './fleet.js';

interface Setting {
  /** Number of runs. */
  readonly orders: number;
  /** Address of the shop. */
  readonly url: string;
  /** Resolves after the shop has received the given number of requests. */
  readonly asked: (requests: number) => Promise<void>;
  readonly print: (line: string) => void;
  readonly onStatus: (status: Status) => void;
}

export interface Result {
  readonly outcome: Outcome;
  /** Number of jobs left in the queue. */
  readonly left: number;
  /** Signal or exit code that ended the killed program or worker. */
  readonly killed: string;
}

/** A fleet in which a process is killed half-way. */
export interface Scenario {
  readonly engine: string;
  readonly fleet: string;
  run(setting: Setting): Promise<Result>;
}
