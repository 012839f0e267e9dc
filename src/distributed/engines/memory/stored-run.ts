import type { JournalEntry, NewRun, WorkItemState } from '../../contracts.js';
import type { RunRecord } from '../../run-info.js';

/** All that is kept of a run. */
export interface StoredRun {
  record: RunRecord;
  seq: number;
  snapshot: { readonly text: string; readonly seq: number };
  /** Those since the snapshot. */
  entries: JournalEntry[];
  slots: Map<string, number>;
  states: Map<string, WorkItemState>;
  /** The item of each crash. */
  crashes: Map<string, string>;
}

export function newRun({ record, delay, timeout, snapshot }: NewRun, now: number): StoredRun {
  const startAt = now + delay;
  return {
    record: {
      ...record,
      createdAt: now,
      updatedAt: now,
      startAt,
      finishedAt: undefined,
      deadline: timeout === undefined ? undefined : startAt + timeout,
    },
    seq: 0,
    snapshot: { text: snapshot, seq: 0 },
    entries: [],
    slots: new Map(),
    states: new Map(),
    crashes: new Map(),
  };
}

/** Lets go of what a run does not need any more that is over: what is completed takes no more entries, nor is it taken up again. */
export function forget(run: StoredRun): void {
  run.states = new Map();
  if (run.record.status !== 'completed') return;
  run.slots = new Map();
  run.crashes = new Map();
}
