import { Counts } from './counts.js';
import type { Activity, Tally } from './tally.js';

/** Totals of all processes with the same name. */
export interface ProcessTotals {
  readonly label: string;
  readonly total: Total;
  /** Counts of all tasks in these processes. */
  readonly tasks: Counts;
  /**
   * Totals of their tasks by name, in the order in which the names first appeared. The key `undefined` stands for tasks
   * that are counted without a name.
   */
  readonly names: ReadonlyMap<string | undefined, Total>;
}

/** Totals of all activities with the same name. */
export class Total {
  begun = 0;
  readonly counts = new Counts();

  get unfinished(): number {
    return this.begun - this.counts.ended;
  }

  add(tally: Tally): void {
    const { begun, counts, retried } = tally;
    this.begun += begun;
    this.counts.absorb(counts);
    this.counts.replayed += tally.replayed - counts.replayed;
    for (const { retry } of retried) this.counts.problem = retry?.problem ?? this.counts.problem;
    this.counts.retries += retriesUnderWay(retried);
  }
}

interface Mutable extends ProcessTotals {
  readonly names: Map<string | undefined, Total>;
}

/** Sums up the tree by process name and, within each process name, by task name at any depth. */
export function totalsOf(root: Tally): readonly ProcessTotals[] {
  const totals = new Map<string, Mutable>();
  collect(root, undefined, totals);
  return [...totals.values()];
}

function collect(tally: Tally, process: Mutable | undefined, totals: Map<string, Mutable>): void {
  const own = tally.kind === 'process' ? processTotals(tally.label, totals) : process;
  if (tally.kind === 'process') {
    own?.total.add(tally);
    own?.tasks.absorb(tally.tasks);
  } else if (tally.kind === 'task' || (tally.isRest && tally.begun > 0)) {
    const { names, tasks } = own ?? processTotals('', totals);
    add(names, tally);
    if (own === undefined) tasks.absorb(tally.counts);
    tasks.retries += retriesUnderWay(tally.retried);
  }
  for (const inner of tally.inner) collect(inner, own, totals);
}

/** Counts the retries of running tasks, including announced ones. */
function retriesUnderWay(retried: ReadonlySet<Activity>): number {
  let retries = 0;
  for (const { retry } of retried) retries += retry?.attempt ?? 0;
  return retries;
}

function processTotals(label: string, totals: Map<string, Mutable>): Mutable {
  const known = totals.get(label) ?? { label, total: new Total(), tasks: new Counts(), names: new Map() };
  totals.set(label, known);
  return known;
}

function add(names: Map<string | undefined, Total>, tally: Tally): void {
  const name = tally.isRest ? undefined : tally.label;
  const total = names.get(name) ?? new Total();
  names.set(name, total);
  total.add(tally);
}
