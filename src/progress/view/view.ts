import type { Line } from '../layout/line.js';

/** How progress gets to be seen. */
export interface View {
  /** Time has passed: milliseconds of the monotonic clock. */
  tick(now: number): void;
  /** The end: writes what is to stay. */
  finish(lines: readonly Line[]): void;
}
