import { formatElapsed } from '../../shared/durations.js';
import { type Activity, hasItems, type Items, isGroup, type Tally } from '../model/tally.js';
import { count } from '../numbers.js';
import { type Details, detailsOf, itemsOf, numberOf, problemSoFar, runningDetails, some, timeOf } from './details.js';
import { type Line, type Span, span } from './line.js';
import { ending, type Symbols } from './symbols.js';

/** A line of the tree before its layout. */
export interface Row {
  /** Tree guides in front of the label. */
  readonly guides: string;
  readonly symbol: Span;
  readonly label: Line;
  readonly time: string;
  /** Item counts that the bar shows, if the row has a bar. */
  readonly items: Items | undefined;
  readonly details: Details;
}

/** Limits on the rows, so that the tree fits the terminal. */
export interface Limits {
  /** Maximum number of ended tallies without failures, per place. */
  readonly ended: number;
  /** Maximum number of running tallies per place, besides those that contain a bar or a failure. */
  readonly live: number;
  /** Maximum number of failed tallies, per place. */
  readonly failed: number;
  /** Maximum number of single running tasks with the same name. */
  readonly single: number;
  /** Maximum number of rows in total. */
  readonly rows: number;
}

/** State of the display at the time of drawing. */
export interface Moment {
  readonly symbols: Symbols;
  /** Current time, in milliseconds of the monotonic clock. */
  readonly now: number;
  /** If true, this is the last drawing, so spinners stand still. */
  readonly isLast?: boolean;
}

/**
 * Minimum running time, in milliseconds, of a task that gets a row of its own even if other tasks have the same name.
 * Rows of faster tasks would only flicker. Tasks that are being retried get a row at once.
 */
const slow = 1_000;
/** Milliseconds between two frames of the spinner. */
const turn = 80;

/**
 * Converts the tree to rows. An ended tally takes a single row, without its contents. In each place, the limits decide
 * how many tallies are shown: the tallies that ended last and the tallies that have been running longest. An additional
 * row counts the hidden tallies. The conversion stops when there are more rows than allowed; the caller then tries
 * stricter limits.
 */
export function rowsOf(root: Tally, limits: Limits, moment: Moment): readonly Row[] {
  const rows: Row[] = [];
  for (const shown of chosen(root.inner, limits)) add(rows, shown, '', '', limits, moment);
  return rows;
}

/** A row's content: a tally, a single running task of a tally, or the hidden tallies of a place. */
type Shown = Tally | Activity | Hidden;

interface Hidden {
  readonly hidden: readonly Tally[];
}

function add(rows: Row[], shown: Shown, guides: string, inside: string, limits: Limits, moment: Moment): void {
  if (rows.length > limits.rows) return;
  rows.push({ guides, ...rowOf(shown, moment) });
  if (!isTally(shown) || shown.live === 0) return;
  const inner = innerOf(shown, limits, moment);
  const [branch, last, further, blank] = moment.symbols.branch;
  for (const [index, next] of inner.entries()) {
    const isLast = index === inner.length - 1;
    add(rows, next, inside + (isLast ? last : branch), inside + (isLast ? blank : further), limits, moment);
  }
}

function isTally(shown: Shown): shown is Tally {
  return 'counts' in shown;
}

/** Returns the contents to show below a tally. The tasks of a map have its name, so their row is skipped. */
function innerOf(tally: Tally, limits: Limits, moment: Moment): readonly Shown[] {
  const { inner } = tally;
  const [only] = inner;
  const isSame = hasItems(tally.kind) && inner.length === 1 && only?.kind === 'task' && only.label === tally.label;
  if (only !== undefined && isSame) return innerOf(only, limits, moment);
  return [...singles(tally, limits, moment), ...chosen(inner, limits)];
}

/**
 * Returns the tasks that get a row of their own even if other tasks have the same name. Tasks that are being retried
 * come first.
 */
function singles({ kind, begun, running, retried, outer }: Tally, { single }: Limits, { now }: Moment): Activity[] {
  const isAlone = begun === 1 || (running.size === 1 && !hasItems(outer?.kind));
  if (kind !== 'task' || isAlone) return [];
  const found = new Set<Activity>();
  for (const activities of [retried, running]) {
    for (const activity of activities) {
      if (found.size >= single || (activities === running && now - activity.began < slow)) break;
      found.add(activity);
    }
  }
  return [...found].sort((one, other) => one.began - other.began);
}

function chosen(tallies: readonly Tally[], limits: Limits): readonly (Tally | Hidden)[] {
  const kept = new Set([
    ...latest(
      tallies.filter((tally) => hasEnded(tally) && hasFailed(tally)),
      limits.failed,
    ),
    ...latest(
      tallies.filter((tally) => hasEnded(tally) && !hasFailed(tally)),
      limits.ended,
    ),
    ...underWay(tallies, limits.live),
  ]);
  if (kept.size === tallies.length) return tallies;
  const hidden = tallies.filter((tally) => !kept.has(tally));
  const first = tallies.indexOf(hidden[0] as Tally);
  const shown = tallies.filter((tally) => kept.has(tally));
  const before = shown.filter((tally) => tallies.indexOf(tally) < first);
  return [...before, { hidden }, ...shown.slice(before.length)];
}

function underWay(tallies: readonly Tally[], most: number): readonly Tally[] {
  const live = tallies.filter((tally) => !hasEnded(tally));
  if (live.length <= most) return live;
  const isPlain = (tally: Tally) => !matters(tally);
  return [...live.filter(matters), ...live.filter(isPlain).slice(0, most)];
}

function latest(tallies: readonly Tally[], most: number): readonly Tally[] {
  if (tallies.length <= most) return tallies;
  return [...tallies].sort((one, other) => other.endedAt - one.endedAt).slice(0, most);
}

const hasEnded = ({ live }: Tally) => live === 0;
const hasFailed = ({ counts }: Tally) => counts.failed > 0;

/** Returns true if the tally contains a bar or a failure. */
function matters(tally: Tally): boolean {
  return (
    hasItems(tally.kind) || hasFailed(tally) || tally.inner.some((inner) => hasFailed(inner) || isOpenAndMatters(inner))
  );
}

function isOpenAndMatters(tally: Tally): boolean {
  return !hasEnded(tally) && matters(tally);
}

function rowOf(shown: Shown, moment: Moment): Omit<Row, 'guides'> {
  if ('hidden' in shown) return hiddenRow(shown, moment);
  return isTally(shown) ? tallyRow(shown, moment) : singleRow(shown, moment);
}

function tallyRow(tally: Tally, moment: Moment): Omit<Row, 'guides'> {
  const { now, symbols } = moment;
  const items = hasItems(tally.kind) && tally.live > 0 ? itemsOf(tally) : undefined;
  return {
    symbol: symbolOf(tally, moment),
    label: labelOf(tally, symbols),
    time: timeOf(tally, now),
    items: items?.total === undefined ? undefined : items,
    details: [...detailsOf(tally, now), ...problemSoFar(tally)],
  };
}

function labelOf({ kind, label, begun }: Tally, { times }: Symbols): Line {
  const name = span(kind === undefined ? 'others' : label, kind === 'process' ? 'bold' : undefined);
  const many = begun > 1 && !isGroup(kind) ? span(` ${times}${count(begun)}`, 'dim') : span('');
  return [span(hasItems(kind) ? `${kind} ` : '', 'dim'), name, many];
}

function singleRow(activity: Activity, moment: Moment): Omit<Row, 'guides'> {
  const { now, symbols } = moment;
  return {
    symbol: activity.isWaiting ? span(symbols.retry, 'yellow') : spinner(moment),
    label: [span(numberOf(activity), 'dim')],
    time: formatElapsed(now - activity.began),
    items: undefined,
    details: runningDetails(activity, now),
  };
}

function hiddenRow({ hidden }: Hidden, { symbols }: Moment): Omit<Row, 'guides'> {
  const live = hidden.filter((tally) => !hasEnded(tally)).length;
  const ended = hidden.length - live;
  const failed = hidden.filter(hasFailed).length;
  const isMixed = live > 0 && ended > 0;
  const label = [span(`${count(hidden.length)} more${isMixed ? '' : live > 0 ? ' under way' : ' ended'}`, 'dim')];
  const details: Details = [
    ...(isMixed ? [...some(live, 'under way', 'dim'), ...some(ended, 'ended', 'dim')] : []),
    ...some(failed, 'of them failed', 'red'),
  ];
  return { symbol: span(symbols.rest, 'dim'), label, time: '', items: undefined, details };
}

function symbolOf({ live, running, retried, counts }: Tally, moment: Moment): Span {
  const { symbols } = moment;
  if (live === 0)
    return ending(symbols, counts.failed > 0 ? 'failed' : counts.cancelled > 0 ? 'cancelled' : 'completed');
  const isWaiting = running.size === 1 && retried.size === 1 && [...retried].every((activity) => activity.isWaiting);
  return isWaiting ? span(symbols.retry, 'yellow') : spinner(moment);
}

function spinner({ symbols: { spinner, cancelled }, now, isLast }: Moment): Span {
  if (isLast) return span(cancelled, 'yellow');
  return span(spinner[Math.floor(now / turn) % spinner.length] as string, 'cyan');
}
