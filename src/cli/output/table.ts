import { cut, widthOf } from '../../shared/terminal-text.js';
import type { Output } from './output.js';
import { oneLine } from './text.js';

type Style = Parameters<Output['styled']>[0];

/** A column of a table. Its values may be any text, because the table makes them harmless. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | undefined;
  readonly align?: 'right';
  readonly style?: (row: Row) => Style | undefined;
  /** Minimum width of the column on a narrow terminal. Default: the column is never narrowed. */
  readonly least?: number;
}

const gap = '  ';

/** Writes an aligned table. Columns with `least` are narrowed to fit the terminal. */
export function writeTable<Row>(output: Output, rows: readonly Row[], columns: readonly Column<Row>[]): void {
  const cells = rows.map((row) => columns.map(({ value }) => oneLine(String(value(row) ?? ''))));
  const widths = columns.map(({ title }, index) =>
    cells.reduce((width, line) => Math.max(width, widthOf(line[index] as string)), widthOf(title)),
  );
  narrow(widths, columns, output.width);
  output.line(
    lineOf(
      columns.map(({ title }) => output.styled('dim', title)),
      columns.map(({ title }) => title),
      widths,
      columns,
    ),
  );
  for (const [at, line] of cells.entries()) {
    const texts = line.map((text, index) => cut(text, widths[index] as number));
    const styled = texts.map((text, index) => {
      const style = columns[index]?.style?.(rows[at] as Row);
      return style === undefined ? text : output.styled(style, text);
    });
    output.line(lineOf(styled, texts, widths, columns));
  }
}

/** Narrows the widest column that may be narrowed, one character at a time, until the table fits. */
function narrow<Row>(widths: number[], columns: readonly Column<Row>[], limit: number): void {
  const total = () => widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1);
  while (total() > limit) {
    const may = columns.flatMap(({ least = Infinity }, index) => ((widths[index] as number) > least ? [index] : []));
    const widest = may.sort((a, b) => (widths[b] as number) - (widths[a] as number))[0];
    if (widest === undefined) return;
    widths[widest] = (widths[widest] as number) - 1;
  }
}

function lineOf<Row>(
  styled: readonly string[],
  plain: readonly string[],
  widths: readonly number[],
  columns: readonly Column<Row>[],
): string {
  const last = columns.length - 1;
  const padded = styled.map((text, index) => {
    const space = ' '.repeat((widths[index] as number) - widthOf(plain[index] as string));
    if (columns[index]?.align === 'right') return space + text;
    return index === last ? text : text + space;
  });
  return padded.join(gap).trimEnd();
}

/** Writes names and values, one pair per line, with the values aligned. */
export function writeFields(
  output: Output,
  fields: readonly (readonly [name: string, value: string | undefined])[],
): void {
  const given = fields.filter((field): field is readonly [string, string] => field[1] !== undefined);
  const width = Math.max(...given.map(([name]) => widthOf(name)));
  for (const [name, value] of given) {
    output.line(`${output.styled('dim', name)}${' '.repeat(width - widthOf(name))}${gap}${value}`);
  }
}
