import { formatDuration, formatElapsed } from '../../shared/durations.js';
import {
  attemptsDetails,
  detailsOf,
  plain,
  replayedDetails,
  runningDetails,
  secondary,
  some,
  tasksDetails,
} from '../layout/details.js';
import { joined, type Line, type Span, span } from '../layout/line.js';
import { ending } from '../layout/symbols.js';
import type { Ended } from '../model/counts.js';
import type { Listener, Model } from '../model/model.js';
import { type Activity, hasItems, isGroup, type Tally } from '../model/tally.js';
import type { Setting } from '../options.js';
import type { Output } from './output.js';
import { Told } from './told.js';
import type { View } from './view.js';
import { writeLines } from './write-lines.js';

/** Maximum number of lines about counted tasks per tick. */
const mostAtOnce = 20;
/** Maximum number of tasks for which the summary is left out, because it would only repeat their lines. */
const few = 3;

/**
 * A view that writes one line per event: for logs, files and pipes.
 *
 * The number of lines stays small. For each name, the first few events of each kind get a line of their own. Later
 * events are counted, and a line reports the counts: every second at first, then each time the elapsed time has grown
 * by a tenth. So a map of thousands of items shows its progress, and an endless loop does not fill a disk.
 */
export class PlainView implements View, Listener {
  readonly #told = new Told();
  #toldProblem: string | undefined;

  constructor(
    private readonly model: Model,
    private readonly setting: Setting,
    private readonly output: Output,
  ) {}

  get toldProblem(): string | undefined {
    return this.#toldProblem;
  }

  /** If true, the program ran a single process with only a few tasks, and the process has ended. */
  get hasToldAll(): boolean {
    const { root } = this.model;
    const [process, ...others] = root.inner;
    const isAlone = process?.kind === 'process' && process.begun === 1 && others.length === 0;
    return isAlone && root.live === 0 && process.tasks.ended <= few;
  }

  begun({ kind, tally }: Activity): void {
    // Items of a map are counted and get no lines of their own.
    if (kind === 'task' && hasItems(tally.outer?.kind)) return;
    if (!this.#told.mayTell(tally, 'begin')) return;
    this.#write(span(this.setting.symbols.begin, 'cyan'), tally, [secondary('begins')]);
  }

  retried(activity: Activity): void {
    const { tally } = activity;
    if (!this.#told.mayTell(tally, 'retry')) return;
    const now = performance.now();
    this.#write(span(this.setting.symbols.retry, 'yellow'), tally, runningDetails(activity, now), now);
  }

  ended({ kind, tally }: Activity, ended: Ended): void {
    const isItem = kind === 'task' && hasItems(tally.outer?.kind) && ended.status === 'completed';
    if (isItem || !this.#told.mayTell(tally, ended.status === 'completed' ? 'success' : 'failure')) return;
    const details = this.#endDetails(tally, ended, this.#toldProblem);
    this.#write(ending(this.setting.symbols, ended.status), tally, details);
    this.#toldProblem = ended.problem;
  }

  tick(now: number): void {
    for (const tally of this.#told.due(this.model.root, now, this.setting.interval).slice(0, mostAtOnce)) {
      this.#write(span(this.setting.symbols.rest, 'dim'), tally, detailsOf(tally, now), now);
    }
  }

  finish(lines: readonly Line[]): void {
    writeLines(this.output, this.setting.colour, lines);
  }

  #endDetails(
    tally: Tally,
    { status, duration: time, retries, problem }: Ended,
    told: string | undefined,
  ): readonly Line[] {
    // An error usually propagates from a task to its callers. It is written only once.
    const isOuter = tally.inner.length > 0;
    const isGroupAlone = isGroup(tally.kind) && tally.begun === 1;
    return [
      plain(formatDuration(time)),
      ...(isGroupAlone ? detailsOf(tally, performance.now()).slice(0, 1) : []),
      ...(isGroupAlone ? some(tally.items.failed, 'failed', 'red') : []),
      ...(tally.kind === 'process' && tally.begun === 1
        ? [...tasksDetails(tally.tasks), ...replayedDetails(tally.replayed)]
        : []),
      ...attemptsDetails(retries, status === 'cancelled'),
      ...(status === 'cancelled' && tally.kind !== 'process' ? [[span('cancelled', 'yellow')]] : []),
      ...(problem === undefined || (isOuter && problem === told)
        ? []
        : [[span(problem, status === 'failed' ? 'red' : 'dim')]]),
    ];
  }

  #write(symbol: Span, tally: Tally, details: readonly Line[], now = performance.now()): void {
    const { symbols, colour } = this.setting;
    const time = formatElapsed(now - this.model.began).padStart(8);
    const told = details.length === 0 ? [] : [span('  '), ...joined(details, span(', '))];
    const line = [span(time, 'dim'), span('  '), symbol, span(' '), ...pathOf(tally, symbols.path), ...told];
    writeLines(this.output, colour, [line]);
    this.#toldProblem = undefined;
  }
}

/** Returns the names of the tally and of the tallies around it, outermost first. Surrounding groups are left out. */
function pathOf(tally: Tally, separator: string): Line {
  const names: Span[] = [];
  for (let place: Tally | undefined = tally; place?.outer !== undefined; place = place.outer) {
    if (place !== tally && isGroup(place.kind)) continue;
    const name = hasItems(place.kind) ? `${place.kind} ${place.label}` : place.label || 'others';
    names.unshift(span(name, place.kind === 'process' ? 'bold' : undefined));
  }
  return joined(
    names.map((name) => [name]),
    span(separator, 'dim'),
  );
}
