import type { WorkflowResult } from 'orchestrator/flow';
import { expect } from 'vitest';
import { type Execution, isStray, type ModelResult } from './model.js';
import { type Case, scriptOf } from './random-graphs.js';
import type { Log } from './scripted-flow.js';

export function expectSame(result: WorkflowResult, expected: ModelResult): void {
  const unsaved = result.errors.filter(({ recoveredBy }) => recoveredBy === undefined).map(({ nodeId }) => nodeId);
  expect({
    status: result.status,
    completed: new Set(result.completed),
    skipped: new Set(result.skipped),
    failed: new Set(unsaved),
  }).toEqual({
    status: expected.status,
    completed: expected.completed,
    skipped: expected.skipped,
    failed: expected.failed,
  });
}

export function counted(executions: readonly Execution[]): Map<string, number> {
  const ids = executions.map(nodeOf);
  return new Map(ids.map((id) => [id, ids.filter((other) => other === id).length]));
}

/** Expects the first and the last start of each execution to come after the ends of the executions that it waits for. */
export function expectOrder(log: Log, { order }: ModelResult): void {
  for (const [execution, causes] of order) {
    const { starts } = log.when(execution);
    const [firstStart = -1, lastStart = -1] = [starts.at(0), starts.at(-1)];
    const isFirstAfter = (cause: Execution) => (log.when(cause).ends.at(0) ?? Infinity) < firstStart;
    const isLastAfter = (cause: Execution) => (log.when(cause).ends.at(-1) ?? Infinity) < lastStart;
    const first = causes.some((all) => all.every(isFirstAfter));
    const last = causes.some((all) => all.every(isLastAfter));
    expect({ execution, first, last }).toEqual({ execution, first: true, last: true });
  }
}

/** Expects later runs to repeat all executions that a stop has cut short, and no others. */
export function expectRepeated(log: Log, runs: readonly WorkflowResult[]): void {
  const cutShort = runs.map((run) => new Set(run.cutShort));
  for (const at of runs.keys()) {
    const started = log.starts(at);
    expect(started).toEqual([...new Set(started)]);
    const repeated = started.filter((execution) => {
      const last = runs.slice(0, at).findLastIndex((_, run) => log.starts(run).includes(execution));
      return last >= 0 && !cutShort[last]?.has(nodeOf(execution));
    });
    expect(repeated).toEqual([]);
    const later = new Set(runs.slice(at + 1).flatMap((_, run) => log.starts(at + 1 + run).map(nodeOf)));
    expect([...(cutShort[at] ?? [])].filter((id) => !later.has(id))).toEqual([]);
  }
}

export function fails(one: Case, execution: Execution): boolean {
  const step = scriptOf(one)(nodeOf(execution), Number(execution.split('#')[1]));
  const isLost = (step.broken?.length ?? 0) > 0 || isStray(one.graph, nodeOf(execution), step.action);
  return step.fails === true || isLost;
}

function nodeOf(execution: Execution): string {
  return execution.split('#')[0] as string;
}
