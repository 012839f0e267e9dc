import { widthOf } from '../../shared/terminal-text.js';
import { column, joined, type Line, type Span, span } from './line.js';

/** One column of a table of things of a kind. */
export interface Column<Thing> {
  readonly head: string;
  /** Texts begin at the left, numbers end at the right. */
  readonly align: 'left' | 'right';
  /** Where there is no room for all columns, the one that has most of this goes first. Default: it stays. */
  readonly expendable?: number;
  /** How narrow it may get where there is no room, in columns of the terminal. Default: as wide as what it holds. */
  readonly least?: number;
  cell(thing: Thing): Span;
}

/** A column with what it holds. */
interface Filled {
  readonly align: 'left' | 'right';
  readonly expendable: number;
  readonly cells: readonly Span[];
  readonly least: number;
  width: number;
}

const gap = '  ';

/**
 * Things as a table with a head. A column in which nothing stands is left out; where there is no room, columns that may go
 * do, and then what may get narrower does, the last first.
 */
export function table<Thing>(
  columns: readonly Column<Thing>[],
  things: readonly Thing[],
  room: number,
): readonly Line[] {
  const used = columns
    .map((column) => filled(column, things))
    .filter(({ cells }) => cells.slice(1).some(({ text }) => text !== ''));
  const shown = fitting(used, room);
  narrow(shown, room);
  return [undefined, ...things].map((_, index) =>
    joined(
      shown.map(({ cells, align, width }) => aligned(cells[index] as Span, align, width)),
      span(gap),
    ),
  );
}

function filled<Thing>({ head, align, cell, ...column }: Column<Thing>, things: readonly Thing[]): Filled {
  const cells = [span(head, 'dim'), ...things.map(cell)];
  const width = Math.max(...cells.map(({ text }) => widthOf(text)));
  return { align, cells, width, expendable: column.expendable ?? 0, least: Math.min(width, column.least ?? width) };
}

function fitting(columns: readonly Filled[], room: number): readonly Filled[] {
  const [first, ...others] = columns.filter(({ expendable }) => expendable > 0);
  if (first === undefined || total(columns.map(({ least }) => least)) <= room) return columns;
  const most = others.reduce((one, other) => (other.expendable > one.expendable ? other : one), first);
  return fitting(
    columns.filter((column) => column !== most),
    room,
  );
}

function narrow(columns: readonly Filled[], room: number): void {
  let tooMuch = total(columns.map(({ width }) => width)) - room;
  for (const column of [...columns].reverse()) {
    const less = Math.max(0, Math.min(tooMuch, column.width - column.least));
    column.width -= less;
    tooMuch -= less;
  }
}

/** How wide columns are beside each other. */
function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + gap.length, -gap.length);
}

function aligned(cell: Span, align: 'left' | 'right', width: number): Line {
  if (align === 'left') return column([cell], width);
  return [span(' '.repeat(width - widthOf(cell.text))), cell];
}
