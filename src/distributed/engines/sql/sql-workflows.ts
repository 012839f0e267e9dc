import type { Engine, WorkflowStore, WorkflowVersion } from '../../contracts.js';
import { keyOf } from '../../journal/job-id.js';
import type { SqlCore } from './sql-core.js';

export class SqlWorkflows implements WorkflowStore {
  constructor(
    readonly engine: Engine,
    private readonly core: SqlCore,
  ) {}

  async put(id: string, version: string, blueprint: string): Promise<void> {
    await this.core.query('put-workflow', [keyFor(id, version), id, version, blueprint]);
  }

  async get(id: string, version: string): Promise<string | undefined> {
    const [row] = await this.core.query('get-workflow', [keyFor(id, version)]);
    return row?.blueprint as string | undefined;
  }

  async list(): Promise<WorkflowVersion[]> {
    const rows = await this.core.query('list-workflows');
    return rows.map(({ id, version }) => ({ id: id as string, version: version as string }));
  }
}

function keyFor(id: string, version: string): string {
  return keyOf(JSON.stringify([id, version]));
}
