import type { Line } from '../layout/line.js';

/** A way to display progress. */
export interface View {
  /** Called at an interval, with the time in milliseconds of the monotonic clock. */
  tick(now: number): void;
  /** The error that the last permanent line shows. */
  readonly toldProblem?: string | undefined;
  /** If true, the permanent lines already contain everything that a summary would. */
  readonly hasToldAll?: boolean;
  /** Called at the end: writes the last lines. */
  finish(lines: readonly Line[]): void;
}
