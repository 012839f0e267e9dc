import { styleText } from 'node:util';
import type { Counted } from './fleet.js';
import { nodesOf, orderFlow, silentNodes } from './flow.js';
import type { Result } from './scenario.js';
import type { Seen } from './server.js';

/** A node as seen by its flow, the journals and the server. */
export interface Row {
  readonly node: string;
  /** Number of runs that go through the node. */
  readonly runs: number;
  /** Counts from the journals. */
  readonly counted: Counted;
  /** Counts of the server; `undefined` if the node sends no request. */
  readonly seen: Seen | undefined;
}

const nothing: Counted = { runs: 0, effects: 0 };
const unseen: Seen = { requests: 0, refused: 0, keys: new Map(), effects: 0 };

export function rowsOf(orders: number, { outcome }: Result, seen: ReadonlyMap<string, Seen>): Row[] {
  const expected = new Map<string, number>();
  for (let number = 1; number <= orders; number++) {
    for (const node of nodesOf(number)) expected.set(node, (expected.get(node) ?? 0) + 1);
  }
  const declared = orderFlow.toBlueprint().nodes.map(({ id }) => id);
  const nodes = new Set([...declared, ...Object.keys(outcome.counted), ...seen.keys()]);
  return [...nodes].map((node) => ({
    node,
    runs: expected.get(node) ?? 0,
    counted: outcome.counted[node] ?? nothing,
    seen: silentNodes.includes(node) ? undefined : (seen.get(node) ?? unseen),
  }));
}

/** Lists everything that is wrong; empty if all is well. */
export function faultsIn(orders: number, { outcome, left, killed }: Result, rows: readonly Row[]): string[] {
  const faults: string[] = [];
  const { completed = 0 } = outcome.status.runs;
  if (killed !== 'SIGKILL') faults.push(`who was to be killed has ended with ${killed}`);
  if (completed !== orders) faults.push(`${completed} of ${orders} runs are completed`);
  if (left > 0) faults.push(`${left} jobs are left in the queue`);
  for (const { node, runs, counted, seen } of rows) {
    if (counted.runs !== runs) faults.push(`${node} has completed in ${counted.runs} of ${runs} runs`);
    if (counted.effects !== runs) faults.push(`${node} was counted ${counted.effects} times in ${runs} runs`);
    if (seen === undefined) continue;
    if (seen.keys.size !== runs) faults.push(`${node} has asked with ${seen.keys.size} keys for ${runs} runs`);
    if (seen.effects !== runs) faults.push(`${node} has had ${seen.effects} effects for ${runs} runs`);
  }
  return faults;
}

const columns = ['node', 'runs', 'counted', 'requests', '503', 'repeated', 'keys'] as const;

/** A table with the counts of each node. */
export function drawTable(rows: readonly Row[]): string[] {
  const cells = rows.map(({ node, runs, counted, seen }) => {
    if (seen === undefined) return [node, runs, counted.effects, '-', '-', '-', '-'];
    const { requests, refused, keys } = seen;
    return [node, runs, counted.effects, requests, refused, requests - refused - keys.size, keys.size];
  });
  const line = (texts: readonly (string | number)[]) =>
    texts.map((text, at) => (at === 0 ? String(text).padEnd(8) : String(text).padStart(10))).join('');
  return [styleText('bold', line(columns)), ...cells.map(line)];
}
