import { formatDuration, formatElapsed } from '../../shared/durations.js';
import { attemptsDetails, detailsOf, plain, runningDetails, secondary, some, tasksDetails } from '../layout/details.js';
import { joined, type Line, type Span, span } from '../layout/line.js';
import { ending } from '../layout/symbols.js';
import type { Ended } from '../model/counts.js';
import type { Listener, Model } from '../model/model.js';
import { type Activity, isGroup, type Tally } from '../model/tally.js';
import type { Setting } from '../options.js';
import type { Output } from './output.js';
import { Told } from './told.js';
import type { View } from './view.js';
import { writeLines } from './write-lines.js';

/** Lines about what is counted that are written at one time, at most. */
const mostAtOnce = 20;
/** So many tasks are a few: a summary would only say again what their lines have said. */
const few = 3;

/**
 * A line for each thing that happens, each written once: for logs, files and pipes.
 *
 * However much happens, and however long, there are not many: of one name the first few of each kind are told one by one,
 * and then how they stand: every second at first, and as time goes on when a tenth of it more has passed. So a map of
 * thousands tells how far it is, and a loop that never ends does not fill a disk.
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

  /** A single process that is over, with few tasks. */
  get hasToldAll(): boolean {
    const { root } = this.model;
    const [process, ...others] = root.inner;
    const isAlone = process?.kind === 'process' && process.begun === 1 && others.length === 0;
    return isAlone && root.live === 0 && process.tasks.ended <= few;
  }

  begun({ kind, tally }: Activity): void {
    // The items of a map are counted.
    if (kind === 'task' && tally.outer?.kind === 'map') return;
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
    const isItem = kind === 'task' && tally.outer?.kind === 'map' && ended.status === 'completed';
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
    // What a task fails with, fails what has called it: that is said once.
    const isOuter = tally.inner.length > 0;
    const isGroupAlone = isGroup(tally.kind) && tally.begun === 1;
    return [
      plain(formatDuration(time)),
      ...(isGroupAlone ? detailsOf(tally, performance.now()).slice(0, 1) : []),
      ...(isGroupAlone ? some(tally.items.failed, 'failed', 'red') : []),
      ...(tally.kind === 'process' && tally.begun === 1 ? tasksDetails(tally.tasks) : []),
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

/** Names from the outermost on; groups without a name of their own are left out on the way. */
function pathOf(tally: Tally, separator: string): Line {
  const names: Span[] = [];
  for (let place: Tally | undefined = tally; place?.outer !== undefined; place = place.outer) {
    if (place !== tally && isGroup(place.kind)) continue;
    const name = place.kind === 'map' ? `map ${place.label}` : place.label || 'others';
    names.unshift(span(name, place.kind === 'process' ? 'bold' : undefined));
  }
  return joined(
    names.map((name) => [name]),
    span(separator, 'dim'),
  );
}
