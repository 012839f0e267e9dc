import type { Engine, WorkItemState, WorkItemStateStore } from '../../contracts.js';
import { isFinished } from '../../run-info.js';
import type { StoredRun } from './stored-run.js';

/** Placeholder for the item of a crash that was taken back. Such a crash counts for no item. */
const nobody = '';

export class MemoryItemStates implements WorkItemStateStore {
  constructor(
    readonly engine: Engine,
    private readonly runs: Map<string, StoredRun>,
  ) {}

  async setStates(states: Parameters<WorkItemStateStore['setStates']>[0]): Promise<void> {
    for (const { runId, item, state } of states) {
      const run = this.runs.get(runId);
      if (run !== undefined && !isFinished(run.record.status)) run.states.set(item, state);
    }
  }

  async clearStates(items: Parameters<WorkItemStateStore['clearStates']>[0]): Promise<void> {
    for (const { runId, item } of items) this.runs.get(runId)?.states.delete(item);
  }

  async getStates(runId: string): Promise<WorkItemState[]> {
    return [...(this.runs.get(runId)?.states.values() ?? [])];
  }

  async countCrash(runId: string, item: string, crash: string): Promise<number> {
    const crashes = this.runs.get(runId)?.crashes ?? new Map<string, string>();
    if (!crashes.has(crash)) crashes.set(crash, item);
    return [...crashes.values()].filter((counted) => counted === item).length;
  }

  async takeBackCrash(runId: string, crash: string): Promise<void> {
    const run = this.runs.get(runId);
    if (run !== undefined && run.record.status !== 'completed') run.crashes.set(crash, nobody);
  }
}
