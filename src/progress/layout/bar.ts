import type { Items } from '../model/tally.js';
import { type Line, span } from './line.js';
import type { Symbols } from './symbols.js';

/** Draws the progress of a group in the given width: completed items, failed items, and the rest. */
export function bar(
  { settled, failed, total = 0 }: Items,
  width: number,
  { bar: { done, half, left } }: Symbols,
): Line {
  if (total <= 0) return [span(left.repeat(width), 'dim')];
  const share = Math.min(1, settled / total);
  const filled = share === 1 ? width : Math.min(width - 1, Math.floor(share * width));
  const hasHalf = filled < width && share * width - filled >= 0.5;
  // Failures take at least one column.
  const red = failed === 0 ? 0 : Math.min(filled, Math.max(1, Math.round((failed / total) * width)));
  return [
    span(done.repeat(filled - red), 'green'),
    span(done.repeat(red), 'red'),
    span(hasHalf ? half : '', 'green'),
    span(left.repeat(width - filled - (hasHalf ? 1 : 0)), 'dim'),
  ];
}
