import type { JournalEntry, NewRun, WorkItemState } from '../../contracts.js';
import type { RunRecord } from '../../run-info.js';

/** Everything that the engine stores about a run. */
export interface StoredRun {
  record: RunRecord;
  seq: number;
  snapshot: { readonly text: string; readonly seq: number };
  /** Entries after the snapshot. */
  entries: JournalEntry[];
  slots: Map<string, number>;
  states: Map<string, WorkItemState>;
  /** The item for which each crash counts, by crash. */
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

/**
 * Drops the data that a finished run no longer needs. A completed run also drops its slots and crashes, because it
 * accepts no more entries and cannot be retried.
 */
export function forget(run: StoredRun): void {
  run.states = new Map();
  if (run.record.status !== 'completed') return;
  run.slots = new Map();
  run.crashes = new Map();
}
