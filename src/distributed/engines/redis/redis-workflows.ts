import type { Engine, WorkflowStore, WorkflowVersion } from '../../contracts.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const put = new Script('put-workflow');

export class RedisWorkflows implements WorkflowStore {
  constructor(
    readonly engine: Engine,
    private readonly core: RedisCore,
  ) {}

  async put(id: string, version: string, blueprint: string): Promise<void> {
    const { workflows, workflowOrder } = this.core.keys;
    await put.run(await this.core.connection(), [workflows, workflowOrder], [fieldOf(id, version), blueprint]);
  }

  async get(id: string, version: string): Promise<string | undefined> {
    const connection = await this.core.connection();
    return (await connection.hget(this.core.keys.workflows, fieldOf(id, version))) ?? undefined;
  }

  async list(): Promise<WorkflowVersion[]> {
    const fields = await (await this.core.connection()).lrange(this.core.keys.workflowOrder, 0, -1);
    return fields.map((field) => {
      const [id, version] = JSON.parse(field) as [string, string];
      return { id, version };
    });
  }
}

function fieldOf(id: string, version: string): string {
  return JSON.stringify([id, version]);
}
