import { type Line, paint } from '../layout/line.js';
import type { Output } from './output.js';

/** Writes permanent lines. */
export function writeLines(output: Output, colour: boolean, lines: readonly Line[]): void {
  output.write(lines.map((line) => `${paint(line, colour)}\n`).join(''));
}
