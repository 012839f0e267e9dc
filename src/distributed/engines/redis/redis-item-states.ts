import type { Engine, WorkItemState, WorkItemStateStore } from '../../contracts.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const crash = new Script('crash');
const takeBack = new Script('take-back-crash');
const set = new Script('states');

export class RedisItemStates implements WorkItemStateStore {
  constructor(
    readonly engine: Engine,
    private readonly core: RedisCore,
  ) {}

  async setStates(states: Parameters<WorkItemStateStore['setStates']>[0]): Promise<void> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    await Promise.all(
      states.map(({ runId, item, state }) =>
        set.run(connection, [keys.run(runId), keys.states(runId)], [item, JSON.stringify(state)]),
      ),
    );
  }

  async clearStates(items: Parameters<WorkItemStateStore['clearStates']>[0]): Promise<void> {
    const connection = await this.core.connection();
    await Promise.all(items.map(({ runId, item }) => connection.hdel(this.core.keys.states(runId), item)));
  }

  async getStates(runId: string): Promise<WorkItemState[]> {
    const texts = await (await this.core.connection()).hvals(this.core.keys.states(runId));
    return texts.map((text) => JSON.parse(text) as WorkItemState);
  }

  async countCrash(runId: string, item: string, occurrence: string): Promise<number> {
    const { keys } = this.core;
    const of = [keys.run(runId), keys.crashes(runId)];
    return (await crash.run(await this.core.connection(), of, [item, occurrence])) as number;
  }

  async takeBackCrash(runId: string, occurrence: string): Promise<void> {
    const { keys } = this.core;
    await takeBack.run(await this.core.connection(), [keys.run(runId), keys.crashes(runId)], [occurrence]);
  }
}
