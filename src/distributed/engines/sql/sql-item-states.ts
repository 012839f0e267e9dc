import type { Engine, WorkItemState, WorkItemStateStore } from '../../contracts.js';
import type { SqlCore } from './sql-core.js';

export class SqlItemStates implements WorkItemStateStore {
  constructor(
    readonly engine: Engine,
    private readonly core: SqlCore,
  ) {}

  async setStates(states: Parameters<WorkItemStateStore['setStates']>[0]): Promise<void> {
    const rows = states.map(({ runId, item, state }) => ({ runId, item, state: JSON.stringify(state) }));
    await this.core.query('set-states', [JSON.stringify(rows)]);
  }

  async clearStates(items: Parameters<WorkItemStateStore['clearStates']>[0]): Promise<void> {
    await this.core.query('clear-states', [JSON.stringify(items.map(({ runId, item }) => ({ runId, item })))]);
  }

  async getStates(runId: string): Promise<WorkItemState[]> {
    const rows = await this.core.query('get-states', [runId]);
    return rows.map(({ state }) => JSON.parse(state as string) as WorkItemState);
  }

  async countCrash(runId: string, item: string, crash: string): Promise<number> {
    const [row] = await this.core.query('count-crash', [runId, item, crash]);
    return Number(row?.crashes);
  }

  async takeBackCrash(runId: string, crash: string): Promise<void> {
    await this.core.query('take-back-crash', [runId, crash]);
  }
}
