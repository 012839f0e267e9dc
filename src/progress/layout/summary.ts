import { formatDuration, formatElapsed } from '../../shared/durations.js';
import type { Model } from '../model/model.js';
import { type ProcessTotals, type Total, totalsOf } from '../model/totals.js';
import { count } from '../numbers.js';
import { plain, replayedDetails, secondary, some, tasksDetails } from './details.js';
import { fitted, joined, type Line, type Span, span } from './line.js';
import { ending, type Symbols } from './symbols.js';
import { type Column, table } from './table.js';

/** Maximum number of process names, and of task names per process. Further names are only counted. */
const mostProcesses = 12;
const mostNames = 30;
const indent = '    ';

/** Options of the summary. */
export interface Writing {
  /** Available width, in columns. */
  readonly width: number;
  readonly symbols: Symbols;
  /** Current time, in milliseconds of the monotonic clock. */
  readonly now: number;
  /** Error that is shown on the line just above the summary, so that the summary does not repeat it. */
  readonly toldProblem?: string | undefined;
}

/** Sums up the work when the display ends: the processes by name, each with a table of its tasks. */
export function summary(model: Model, at: Writing): readonly Line[] {
  const totals = totalsOf(model.root);
  const sinceBegin = at.now - model.began;
  const lines = totals.slice(0, mostProcesses).flatMap((process) => sectionOf(process, at, sinceBegin));
  const more = totals.length - mostProcesses;
  const note = more > 0 ? [secondary(`and processes of ${count(more)} more names`)] : [];
  return [...lines, ...note].map((line) => fitted(line, at.width));
}

function sectionOf(process: ProcessTotals, at: Writing, sinceBegin: number): readonly Line[] {
  const { names } = process;
  const tasks = [...names].slice(0, mostNames).map(([name, total]) => ({ name, total }));
  const more = names.size - tasks.length;
  const rows = tasks.length === 0 ? [] : table(columns, tasks, at.width - indent.length);
  const note = more > 0 ? [secondary(`and tasks of ${count(more)} more names`)] : [];
  return [headingOf(process, at, sinceBegin), ...[...rows, ...note].map((line) => [span(indent), ...line])];
}

function headingOf({ label, total, tasks }: ProcessTotals, at: Writing, sinceBegin: number): Line {
  const { counts, begun, unfinished } = total;
  const status = counts.failed > 0 ? 'failed' : unfinished + counts.cancelled > 0 ? 'cancelled' : 'completed';
  const { symbols, toldProblem } = at;
  const problem = counts.problem === undefined || counts.problem === toldProblem ? [] : [[span(counts.problem, 'red')]];
  const told = begun === 1 ? onceDetails(total, sinceBegin) : oftenDetails(total);
  const name = span(label || 'processes that began earlier', 'bold');
  const work = [...tasksDetails(tasks), ...replayedDetails(counts.replayed)];
  const details = joined([...told, ...work, ...problem], span(symbols.separator, 'dim'));
  return [ending(symbols, status), span(' '), name, span('  '), ...details];
}

function onceDetails({ counts, unfinished }: Total, sinceBegin: number): readonly Line[] {
  if (unfinished > 0) return [[span(`not finished after ${formatElapsed(sinceBegin)}`, 'yellow')]];
  const cancelled = counts.cancelled > 0 ? [[span('cancelled', 'yellow')]] : [];
  return [plain(formatDuration(counts.duration)), ...cancelled];
}

function oftenDetails({ begun, counts, unfinished }: Total): readonly Line[] {
  if (begun === 0) return [];
  return [
    plain(`${count(begun)} runs`),
    plain(`${formatDuration(counts.average)} each`),
    ...some(counts.failed, 'failed', 'red'),
    ...some(counts.cancelled, 'cancelled', 'yellow'),
    ...some(unfinished, 'not finished', 'yellow'),
  ];
}

/** All tasks with the same name. */
interface Named {
  readonly name: string | undefined;
  readonly total: Total;
}

const columns: readonly Column<Named>[] = [
  {
    head: 'task',
    align: 'left',
    least: 20,
    cell: ({ name }) => (name === undefined ? span('others', 'dim') : span(name)),
  },
  { ...numbers('calls', ({ begun }) => begun), expendable: 1 },
  numbers('failed', ({ counts }) => counts.failed, 'red'),
  numbers('cancelled', ({ counts }) => counts.cancelled, 'yellow'),
  numbers('unfinished', ({ unfinished }) => unfinished, 'yellow'),
  numbers('retries', ({ counts }) => counts.retries),
  times('total', 2, ({ counts }) => counts.duration),
  times('average', 4, ({ counts }) => counts.average),
  times('slowest', 3, ({ counts }) => counts.slowest),
  { head: 'last failure', align: 'left', least: 16, cell: ({ total }) => span(total.counts.problem ?? '', 'red') },
];

function numbers(head: string, of: (total: Total) => number, style?: 'red' | 'yellow'): Column<Named> {
  const cell = (number: number): Span => (number === 0 ? span('') : span(count(number), style));
  return { head, align: 'right', cell: ({ total }) => cell(of(total)) };
}

function times(head: string, expendable: number, of: (total: Total) => number): Column<Named> {
  return {
    head,
    align: 'right',
    expendable,
    cell: ({ total }) => span(total.counts.ended === 0 ? '' : formatDuration(of(total)), 'dim'),
  };
}
