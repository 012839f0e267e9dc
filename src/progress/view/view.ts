import type { Line } from '../layout/line.js';

/** How progress gets to be seen. */
export interface View {
  /** Time has passed: milliseconds of the monotonic clock. */
  tick(now: number): void;
  /** What the last line that stays has said that went wrong. */
  readonly toldProblem?: string | undefined;
  /** Whether lines that stay have said all that a summary would. */
  readonly hasToldAll?: boolean;
  /** The end: writes what is to stay. */
  finish(lines: readonly Line[]): void;
}
