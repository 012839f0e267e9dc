import { inspect } from 'node:util';
import { cut, widthOf } from '../../shared/terminal-text.js';

/** Style of text. Green means success, red failure, yellow attention, cyan running, dim secondary. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Span {
  readonly text: string;
  readonly style: Style | undefined;
}

/** A line of the screen, independent of whether the terminal has colours. */
export type Line = readonly Span[];

export function span(text: string, style?: Style): Span {
  return { text, style };
}

export function lineWidth(line: Line): number {
  return line.reduce((width, { text }) => width + widthOf(text), 0);
}

/** Cuts a line to the given width. */
export function fitted(line: Line, width: number): Line {
  const fitting: Span[] = [];
  let left = Math.max(0, width);
  for (const { text, style } of line) {
    const kept = cut(text, left);
    if (kept !== '') fitting.push(span(kept, style));
    if (kept !== text) break;
    left -= widthOf(kept);
  }
  return fitting;
}

/** Pads a line with spaces to the given width, or cuts it. */
export function column(line: Line, width: number): Line {
  const fitting = fitted(line, width);
  return [...fitting, span(' '.repeat(Math.max(0, width - lineWidth(fitting))))];
}

/** Joins lines side by side into a single line. */
export function joined(parts: readonly Line[], separator: Span): Line {
  return parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part]));
}

/** Renders a line as text, with colours if `colour` is true. */
export function paint(line: Line, colour: boolean): string {
  const text = line.map(({ text, style }) => (colour && style !== undefined ? painted(text, style) : text)).join('');
  return text.trimEnd();
}

function painted(text: string, style: Style): string {
  const [on, off] = inspect.colors[style] as [number, number];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}
