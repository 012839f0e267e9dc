import type { GroupRecord, TaskRecord } from '../../index.js';
import { formatDuration, formatElapsed, formatRemaining } from '../../shared/durations.js';
import { type Activity, addItems, type Items, isGroup, type Tally } from '../model/tally.js';
import { count, perSecond } from '../numbers.js';
import { type Line, span } from './line.js';

/** Details of an activity besides its name and time, most important first. */
export type Details = readonly Line[];

/** Minimum running time before a rate is shown, in milliseconds. */
const soonest = 1_000;
/** Maximum number of running groups with the same name whose items are added up. */
const mostGroups = 100;

export function detailsOf(tally: Tally, now: number): Details {
  if (isGroup(tally.kind)) return groupDetails(tally, now);
  if (tally.begun > 1 || tally.isRest) return manyDetails(tally, now);
  const [activity] = tally.running;
  if (activity === undefined) return endedDetails(tally);
  return [...replayedDetails(tally.replayed), ...runningDetails(activity, now)];
}

/** Sums up the items of all groups that a tally stands for. */
export function itemsOf({ items, running }: Tally): Items {
  const sum = { ...items };
  let looked = 0;
  for (const { record } of running) {
    if (looked++ === mostGroups) break;
    addItems(sum, record as GroupRecord);
  }
  return sum;
}

function groupDetails(tally: Tally, now: number): Details {
  const { settled, failed, total } = itemsOf(tally);
  const failures = some(failed, 'failed', 'red');
  const problem = tally.live === 0 && tally.counts.problem !== undefined ? [problemLine(tally.counts.problem)] : [];
  if (tally.kind === 'any') return [plain(`${count(total ?? 0)} actions`), ...failures, ...problem];
  if (tally.kind === 'parallel') return [plain(`${count(settled)} of ${count(total ?? 0)}`), ...failures, ...problem];
  const share = total === undefined || total === 0 ? [] : [plain(`${Math.floor((settled / total) * 100)} %`)];
  const progress = plain(total === undefined ? `${count(settled)} done` : `${count(settled)}/${count(total)}`);
  if (tally.live === 0) return [progress, ...failures, ...problem];
  return [progress, ...share, ...failures, ...pace(tally, total === undefined ? undefined : total - settled, now)];
}

/** Describes the rate of a group and the remaining time. */
function pace({ rate, oldest }: Tally, left: number | undefined, now: number): Details {
  const perSec = rate.at(now);
  if (oldest === undefined || now - oldest.began < soonest || perSec <= 0) return [];
  const rateLine = secondary(perSecond(perSec));
  if (left === undefined || left <= 0) return [rateLine];
  return [rateLine, secondary(`${formatRemaining((left / perSec) * 1_000)} left`)];
}

function manyDetails(tally: Tally, now: number): Details {
  const { running, retried, counts, rate, oldest } = tally;
  const perSec = rate.at(now);
  const isFast = oldest !== undefined && perSec >= 1 && counts.ended >= 5;
  const [only] = running.size === 1 && retried.size === 1 ? retried : [];
  return [
    ...some(running.size, 'running'),
    ...some(only === undefined ? retried.size : 0, 'retrying', 'yellow'),
    ...some(counts.ended, 'done', 'dim'),
    ...some(counts.failed, 'failed', 'red'),
    ...some(counts.cancelled, 'cancelled', 'yellow'),
    ...replayedDetails(tally.replayed),
    ...(isFast ? [secondary(perSecond(perSec))] : []),
    ...(only === undefined ? [] : runningDetails(only, now)),
    ...(counts.ended > 0 && only === undefined ? [secondary(`${formatDuration(counts.average)} each`)] : []),
    ...(running.size === 0 && counts.problem !== undefined ? [problemLine(counts.problem)] : []),
  ];
}

/**
 * Describes the last failure in a tally that stands for several activities, some of them still running. A tally of a
 * single activity shows its failure in its own row.
 */
export function problemSoFar({ live, kind, begun, inner, counts }: Tally): Details {
  if (live === 0 || (begun === 1 && !isGroup(kind))) return [];
  const [only] = inner.length === 1 && isGroup(kind) ? inner : [];
  const problem = counts.problem ?? only?.counts.problem;
  return problem === undefined ? [] : [problemLine(problem)];
}

/** Describes the retries of a running task, and its wait for a place of a limit. */
export function runningDetails(activity: Activity, now: number): Details {
  const { retry, record } = activity;
  const waiting: Details = (record as TaskRecord).isWaiting ? [[span('waits for a place', 'yellow')]] : [];
  if (retry === undefined) return waiting;
  const attempt = `attempt ${retry.attempt + 1}${retry.most === Infinity ? '' : ` of ${retry.most}`}`;
  if (waiting.length > 0) return [[span(attempt, 'yellow')], ...waiting];
  if (!activity.isWaiting) return [[span(attempt, 'yellow')], [span(`after ${retry.problem}`, 'dim')]];
  return [[span(`${attempt} in ${formatRemaining(retry.due - now)}`, 'yellow')], problemLine(retry.problem)];
}

function endedDetails({ kind, counts, tasks }: Tally): Details {
  return [
    ...(kind === 'process' ? tasksDetails(tasks) : []),
    ...replayedDetails(counts.replayed),
    ...attemptsDetails(counts.retries, counts.cancelled > 0),
    ...(counts.cancelled > 0 ? [[span('cancelled', 'yellow')] as const] : []),
    ...(counts.problem === undefined ? [] : [problemLine(counts.problem)]),
  ];
}

/** Sums up the tasks of a process. */
export function tasksDetails({ ended, failed, cancelled, retries }: Tally['tasks']): Details {
  return [
    ...(ended > 0 ? [secondary(ended === 1 ? '1 task' : `${count(ended)} tasks`)] : []),
    ...some(failed, 'failed', 'red'),
    ...some(cancelled, 'cancelled', 'yellow'),
    ...retriesDetails(retries),
  ];
}

/** Tells how many outcomes a durable run has taken from its journal instead of executing the work again. */
export function replayedDetails(replayed: number): Details {
  return some(replayed, 'replayed', 'dim');
}

/**
 * Describes the number of attempts. For a cancelled task, describes the number of retries instead, because the last
 * retry may not have begun.
 */
export function attemptsDetails(retries: number, isAborted: boolean): Details {
  if (isAborted) return retriesDetails(retries);
  return retries > 0 ? [secondary(`${count(retries + 1)} attempts`)] : [];
}

function retriesDetails(retries: number): Details {
  return some(retries, retries === 1 ? 'retry' : 'retries', 'dim');
}

/** The time to show for a tally: the duration so far, or the total duration of a single activity. */
export function timeOf({ running, counts, begun, oldest }: Tally, now: number): string {
  if (oldest !== undefined) return running.size === 1 ? formatElapsed(now - oldest.began) : '';
  return begun === 1 ? formatDuration(counts.duration) : '';
}

/** Formats the number of a task in its process. */
export function numberOf({ record }: Activity): string {
  return `#${(record as TaskRecord).number}`;
}

export function plain(text: string): Line {
  return [span(text)];
}

export function secondary(text: string): Line {
  return [span(text, 'dim')];
}

function problemLine(problem: string): Line {
  return [span(problem, 'red')];
}

export function some(number: number, what: string, style?: 'red' | 'yellow' | 'dim'): Details {
  return number === 0 ? [] : [[span(`${count(number)} ${what}`, style)]];
}
