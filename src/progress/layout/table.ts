import { widthOf } from '../text.js';
import { column, joined, type Line, type Span, span } from './line.js';

/** One column of a table of things of a kind. */
export interface Column<Thing> {
  readonly head: string;
  /** Texts begin at the left, numbers end at the right. */
  readonly align: 'left' | 'right';
  cell(thing: Thing): Span;
}

/** Things as a table with a head; a column in which nothing stands is left out. */
export function table<Thing>(columns: readonly Column<Thing>[], things: readonly Thing[]): readonly Line[] {
  const used = columns
    .map(({ head, align, cell }) => ({ align, cells: [span(head, 'dim'), ...things.map(cell)] }))
    .filter(({ cells }) => cells.slice(1).some(({ text }) => text !== ''))
    .map(({ align, cells }) => {
      const width = Math.max(...cells.map(({ text }) => widthOf(text)));
      return cells.map((cell) => aligned(cell, align, width));
    });
  return [undefined, ...things].map((_, index) =>
    joined(
      used.map((cells) => cells[index] as Line),
      span('  '),
    ),
  );
}

function aligned(cell: Span, align: 'left' | 'right', width: number): Line {
  if (align === 'left') return column([cell], width);
  return [span(' '.repeat(width - widthOf(cell.text))), cell];
}
