import { inspect } from 'node:util';
import { cut, widthOf } from '../../shared/terminal-text.js';

/** How a text is meant: green has gone well, red has failed, yellow needs a look, cyan is under way, dim is secondary. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Span {
  readonly text: string;
  readonly style: Style | undefined;
}

/** One line of the screen, before it is known whether the terminal has colours. */
export type Line = readonly Span[];

export function span(text: string, style?: Style): Span {
  return { text, style };
}

export function lineWidth(line: Line): number {
  return line.reduce((width, { text }) => width + widthOf(text), 0);
}

/** As much of a line as fits. */
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

/** A line that is filled up with spaces to a width, or cut to it. */
export function column(line: Line, width: number): Line {
  const fitting = fitted(line, width);
  return [...fitting, span(' '.repeat(Math.max(0, width - lineWidth(fitting))))];
}

/** Lines beside each other, in one. */
export function joined(parts: readonly Line[], separator: Span): Line {
  return parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part]));
}

/** The text of a line, with its colours where there are any. */
export function paint(line: Line, colour: boolean): string {
  const text = line.map(({ text, style }) => (colour && style !== undefined ? painted(text, style) : text)).join('');
  return text.trimEnd();
}

function painted(text: string, style: Style): string {
  const [on, off] = inspect.colors[style] as [number, number];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}
