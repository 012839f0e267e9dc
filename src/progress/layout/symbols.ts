import type { Status } from '../../index.js';
import { type Span, span } from './line.js';

/** What pictures are drawn with. */
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
  /** In front of what has further siblings below it, of the last one, and further in of both. */
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

/** For terminals that have no other characters. */
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

/** How something has ended. */
export function ending(symbols: Symbols, status: Exclude<Status, 'running'>): Span {
  return span(symbols[status], status === 'completed' ? 'green' : status === 'failed' ? 'red' : 'yellow');
}
