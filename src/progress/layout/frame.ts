import { widthOf } from '../../shared/terminal-text.js';
import type { Model } from '../model/model.js';
import { bar } from './bar.js';
import { column, fitted, joined, type Line, lineWidth, span } from './line.js';
import { type Limits, type Moment, type Row, rowsOf } from './rows.js';
import type { Symbols } from './symbols.js';

/** Available space, in columns and lines. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const few = [8, 6, 4, 3, 2, 1, 0];

/**
 * Returns the limits to try, from the most to the least detailed. The first limits that fit are used. Ended tasks
 * without failures are left out first, then running tasks. Bars and failures are kept longest.
 */
function stepsFor(height: number): readonly Limits[] {
  const all = { ended: 0, single: 0, live: Infinity, failed: Infinity, rows: height };
  const lives = Array.from({ length: height + 1 }, (_, less) => height - less);
  return [
    ...few.map((count) => ({ ...all, ended: count, single: count })),
    ...lives.map((live) => ({ ...all, live })),
    ...few.map((failed) => ({ ...all, live: 0, failed })),
  ];
}

const gap = span('  ');
/**
 * Possible widths of a bar, in columns. With only a few widths, a bar does not grow and shrink with the numbers beside
 * it.
 */
const barWidths = [24, 16, 8];

/** Lays out the current state in at most the given width and height. */
export function frame(model: Model, { width, height }: Size, moment: Moment): readonly Line[] {
  const rows = fittingRows(model, Math.max(0, height), moment);
  const names = Math.max(0, ...rows.map(nameWidth));
  const times = Math.max(0, ...rows.map(({ time }) => widthOf(time)));
  const nameColumn = Math.min(names, Math.max(20, Math.floor(width * 0.4)));
  return rows.map((row) => lineOf(row, { width, name: nameColumn, time: times }, moment.symbols));
}

function fittingRows(model: Model, height: number, moment: Moment): readonly Row[] {
  let rows: readonly Row[] = [];
  for (const limits of stepsFor(height)) {
    rows = rowsOf(model.root, limits, moment);
    if (rows.length <= height) return rows;
  }
  return [...rows.slice(0, Math.max(0, height - 1)), moreRow(moment)].slice(0, height);
}

function moreRow({ symbols }: Moment): Row {
  const label = [span('more is under way', 'dim')];
  return { guides: '', symbol: span(symbols.rest, 'dim'), label, time: '', items: undefined, details: [] };
}

function nameWidth({ guides, symbol, label }: Row): number {
  return widthOf(guides) + widthOf(symbol.text) + 1 + lineWidth(label);
}

interface Columns {
  readonly width: number;
  readonly name: number;
  readonly time: number;
}

function lineOf({ guides, symbol, label, time, items, details }: Row, columns: Columns, symbols: Symbols): Line {
  const name = column([span(guides, 'dim'), symbol, span(' '), ...label], columns.name);
  const text = joined(details, span(symbols.separator, 'dim'));
  const left = [...name, gap, span(time.padStart(columns.time), 'dim'), gap];
  const room = columns.width - lineWidth(left);
  const barWidth = barWidths.find((width) => width + gap.text.length + lineWidth(text) <= room);
  const picture = items !== undefined && barWidth !== undefined ? [...bar(items, barWidth, symbols), gap] : [];
  return fitted([...left, ...picture, ...text], columns.width);
}
