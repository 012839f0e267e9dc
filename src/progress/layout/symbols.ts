import type { Status } from '../../index.js';
import { type Span, span } from './line.js';

/** Characters of the display. */
export interface Symbols {
  readonly spinner: readonly string[];
  readonly completed: string;
  readonly failed: string;
  readonly cancelled: string;
  readonly retry: string;
  readonly begin: string;
  readonly rest: string;
  readonly separator: string;
  readonly times: string;
  readonly path: string;
  /** Tree guides: in front of a row with later siblings, in front of a last row, and below each of these two. */
  readonly branch: readonly [string, string, string, string];
  readonly bar: { readonly done: string; readonly half: string; readonly left: string };
}

export const unicode: Symbols = {
  spinner: [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'],
  completed: '✓',
  failed: '✗',
  cancelled: '■',
  retry: '↻',
  begin: '▸',
  rest: '⋯',
  separator: ' · ',
  times: '×',
  path: ' › ',
  branch: ['├ ', '└ ', '│ ', '  '],
  bar: { done: '━', half: '╸', left: '─' },
};

/** Symbols for terminals without Unicode. */
export const ascii: Symbols = {
  spinner: [...'-\\|/'],
  completed: '+',
  failed: 'x',
  cancelled: '#',
  retry: '~',
  begin: '>',
  rest: '...',
  separator: ', ',
  times: 'x',
  path: ' > ',
  branch: ['|-', '`-', '| ', '  '],
  bar: { done: '=', half: '>', left: '-' },
};

/** Returns the symbol of a status in its colour. */
export function ending(symbols: Symbols, status: Exclude<Status, 'running'>): Span {
  return span(symbols[status], status === 'completed' ? 'green' : status === 'failed' ? 'red' : 'yellow');
}
