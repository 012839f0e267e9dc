import type { AttemptView } from '../../../../src/dashboard/api/index.js';

/** The executions of one node, drawn as a row. */
export interface Row {
  readonly nodeId: string;
  readonly bars: readonly Bar[];
  /** Waits between an attempt and the next attempt of the same visit. */
  readonly gaps: readonly { readonly from: number; readonly until: number }[];
}

export interface Bar {
  /** Unique among all bars. */
  readonly key: string;
  readonly attempt: AttemptView;
  readonly from: number;
  /** End of the attempt; `undefined` while it runs. */
  readonly until: number | undefined;
}

/** Groups attempts by node, in the order in which the nodes started. */
export function rowsOf(attempts: readonly AttemptView[]): readonly Row[] {
  const byNode = new Map<string, Bar[]>();
  for (const [index, attempt] of attempts.entries()) {
    const { nodeId, startedAt, duration } = attempt;
    const bars = byNode.get(nodeId) ?? [];
    const until = duration === undefined ? undefined : startedAt + duration;
    bars.push({ key: `b${index}`, attempt, from: startedAt, until });
    byNode.set(nodeId, bars);
  }
  return [...byNode].map(([nodeId, bars]) => ({ nodeId, bars, gaps: gapsOf(bars) }));
}

function gapsOf(bars: readonly Bar[]): Row['gaps'] {
  return bars.flatMap((bar, index) => {
    const next = bars[index + 1];
    const isRetried = next !== undefined && next.attempt.visit === bar.attempt.visit;
    return isRetried && bar.until !== undefined ? [{ from: bar.until, until: next.from }] : [];
  });
}

/** The first start and the last end. */
export function spanOf(rows: readonly Row[], now: number): { readonly begin: number; readonly end: number } {
  let begin = Infinity;
  let end = -Infinity;
  for (const { bars } of rows) {
    for (const { from, until } of bars) {
      begin = Math.min(begin, from);
      end = Math.max(end, until ?? now);
    }
  }
  return { begin, end: Math.max(end, begin + 1) };
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 4, 6, 12, 24, 48, 96, 240, 720].map((count) => count * hour),
];

/** Round times since the beginning, as many as fit into the width. */
export function ticksOf(span: number, width: number): readonly number[] {
  const least = (span / Math.max(1, width)) * 88;
  const step = steps.find((candidate) => candidate >= least) ?? span;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step);
}

/** The label of a tick: `0`, `200 ms`, `1.5 s`, `4 m`, `2 h 30 m`. */
export function tickLabel(time: number): string {
  if (time === 0) return '0';
  if (time < second) return `${time} ms`;
  if (time < minute) return `${time / second} s`;
  if (time < hour) return joined(Math.floor(time / minute), 'm', (time % minute) / second, 's');
  return joined(Math.floor(time / hour), 'h', (time % hour) / minute, 'm');
}

function joined(whole: number, unit: string, rest: number, lesser: string): string {
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${Math.round(rest * 10) / 10} ${lesser}`;
}
