import { widthOf } from '../../shared/terminal-text.js';
import { column, joined, type Line, type Span, span } from './line.js';

/** A column of a table whose rows are things of one kind. */
export interface Column<Thing> {
  readonly head: string;
  /** Alignment: `left` for texts, `right` for numbers. */
  readonly align: 'left' | 'right';
  /**
   * Order in which columns are dropped if space is short: the highest number first. Default: 0, which never drops the
   * column.
   */
  readonly expendable?: number;
  /** Minimum width if space is short, in columns of the terminal. Default: the width of the widest cell. */
  readonly least?: number;
  cell(thing: Thing): Span;
}

/** A column with its cells. */
interface Filled {
  readonly align: 'left' | 'right';
  readonly expendable: number;
  readonly cells: readonly Span[];
  readonly least: number;
  width: number;
}

const gap = '  ';

/**
 * Lays out things as a table with a header. Empty columns are left out. If space is short, expendable columns are
 * dropped first, then columns are narrowed, starting with the last.
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

/** Returns the total width of adjacent columns. */
function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + gap.length, -gap.length);
}

function aligned(cell: Span, align: 'left' | 'right', width: number): Line {
  if (align === 'left') return column([cell], width);
  return [span(' '.repeat(width - widthOf(cell.text))), cell];
}
