import type {
  ContextStore,
  Engine,
  ErrorStore,
  ExpiredRun,
  IdlePage,
  LivenessStore,
  MetricsStore,
  OnShardError,
  RunInfoStore,
  WorkerHealth,
  WorkerReport,
  WorkflowStore,
  WorkflowVersion,
  WorkItemStateStore,
} from '../../contracts.js';
import {
  activeStatuses,
  countsFrom,
  type RunCounts,
  type RunCursor,
  type RunQuery,
  type RunRecord,
  type RunStatus,
} from '../../run-info.js';
import { compareRuns } from '../run-order.js';
import type { Sharded } from './sharded.js';

// The stores of an engine that consists of shards. A call about one run goes to the shard of the run.

export class ShardedRuns implements RunInfoStore {
  constructor(readonly engine: Engine & Sharded) {}

  async getRun(runId: string): Promise<RunRecord | undefined> {
    return (await this.engine.shards.of(runId)).runInfoStore.getRun(runId);
  }

  getStatuses(runIds: readonly string[]): Promise<(RunStatus | undefined)[]> {
    return Promise.all(
      runIds.map(async (runId) => (await (await this.engine.shards.of(runId)).runInfoStore.getStatuses([runId]))[0]),
    );
  }

  /** Merges the pages of all shards. Each page has up to `limit` runs, because the first ones may all be on one shard. */
  async listRuns(query: RunQuery, onError?: OnShardError): Promise<RunRecord[]> {
    const pages = await this.engine.gathered(({ runInfoStore }) => runInfoStore.listRuns(query), onError);
    const direction = query.order === 'newest' ? -1 : 1;
    const runs = pages.flat().sort((one, other) => direction * compareRuns(one, other));
    return runs.slice(0, query.limit);
  }

  async countRuns(onError?: OnShardError): Promise<RunCounts> {
    const counts = await this.engine.gathered(({ runInfoStore }) => runInfoStore.countRuns(), onError);
    return countsFrom(counts.flatMap((ofShard) => Object.entries(ofShard) as [RunStatus, number][]));
  }

  async deleteRun(runId: string, incarnation?: number): Promise<void> {
    await (await this.engine.shards.of(runId)).runInfoStore.deleteRun(runId, incarnation);
  }

  async listExpired(limit: number): Promise<readonly ExpiredRun[]> {
    const expired = await this.engine.gathered(({ runInfoStore }) => runInfoStore.listExpired(limit));
    return expired.flat().slice(0, limit);
  }

  /** Lists a page of active runs, and keeps those that their shards consider idle, because each has its own clock. */
  async listIdle(milliseconds: number, limit: number, after?: RunCursor): Promise<IdlePage> {
    const [page, pages] = await Promise.all([
      this.listRuns({ ...active, limit, cursor: after }),
      this.engine.gathered(({ runInfoStore }) => runInfoStore.listIdle(milliseconds, limit, after)),
    ]);
    const idle = new Set(pages.flatMap(({ runIds }) => runIds));
    const runIds = page.map(({ runId }) => runId).filter((runId) => idle.has(runId));
    return { runIds, cursor: page.length < limit ? undefined : page.at(-1) };
  }
}

/** All active runs, in order of creation. */
const active: Omit<RunQuery, 'limit' | 'cursor'> = {
  statuses: activeStatuses,
  workflow: undefined,
  version: undefined,
  after: 0,
  before: 2 ** 52,
  text: undefined,
  order: 'oldest',
};

export class ShardedContexts implements ContextStore {
  constructor(readonly engine: Engine & Sharded) {}

  async getContext(runId: string): ReturnType<ContextStore['getContext']> {
    return (await this.engine.shards.of(runId)).contextStore.getContext(runId);
  }
}

export class ShardedMetrics implements MetricsStore {
  constructor(readonly engine: Engine & Sharded) {}

  async getMetrics(runId: string): ReturnType<MetricsStore['getMetrics']> {
    return (await this.engine.shards.of(runId)).metricsStore.getMetrics(runId);
  }
}

export class ShardedErrors implements ErrorStore {
  constructor(readonly engine: Engine & Sharded) {}

  async getErrors(runId: string): ReturnType<ErrorStore['getErrors']> {
    return (await this.engine.shards.of(runId)).errorStore.getErrors(runId);
  }
}

/** A worker reports to each shard that it serves, and is listed once. */
export class ShardedLiveness implements LivenessStore {
  constructor(readonly engine: Engine & Sharded) {}

  /** Reports to all shards. The clocks of the shards may differ; the time of the first one that answers is returned. */
  async heartbeat(report: WorkerReport): Promise<number> {
    const times = await this.engine.gathered(({ livenessStore }) => livenessStore.heartbeat(report), ignored);
    return times[0] as number;
  }

  async remove(workerId: string): Promise<void> {
    await this.engine.gathered(({ livenessStore }) => livenessStore.remove(workerId));
  }

  /** Lists the youngest report of each worker. */
  async list(onError?: OnShardError): Promise<WorkerHealth[]> {
    const lists = await this.engine.gathered(({ livenessStore }) => livenessStore.list(), onError);
    const youngest = new Map<string, WorkerHealth>();
    for (const worker of lists.flat()) {
      const other = youngest.get(worker.workerId);
      if (other === undefined || worker.age < other.age) youngest.set(worker.workerId, worker);
    }
    return [...youngest.values()];
  }
}

export class ShardedItemStates implements WorkItemStateStore {
  constructor(readonly engine: Engine & Sharded) {}

  async setStates(states: Parameters<WorkItemStateStore['setStates']>[0]): Promise<void> {
    await this.#byShard(states, ({ workItemStateStore }, part) => workItemStateStore.setStates(part));
  }

  async clearStates(items: Parameters<WorkItemStateStore['clearStates']>[0]): Promise<void> {
    await this.#byShard(items, ({ workItemStateStore }, part) => workItemStateStore.clearStates(part));
  }

  async getStates(runId: string): ReturnType<WorkItemStateStore['getStates']> {
    return (await this.engine.shards.of(runId)).workItemStateStore.getStates(runId);
  }

  async countCrash(runId: string, item: string, crash: string): Promise<number> {
    return (await this.engine.shards.of(runId)).workItemStateStore.countCrash(runId, item, crash);
  }

  async takeBackCrash(runId: string, crash: string): Promise<void> {
    await (await this.engine.shards.of(runId)).workItemStateStore.takeBackCrash(runId, crash);
  }

  async #byShard<Item extends { readonly runId: string }>(
    items: readonly Item[],
    work: (engine: Engine, part: readonly Item[]) => Promise<void>,
  ): Promise<void> {
    const parts = await partsOf(this.engine, items);
    await Promise.all([...parts].map(([engine, part]) => work(engine, part)));
  }
}

/** The graphs of workflows. Each graph is on all shards that answered when it was stored. */
export class ShardedWorkflows implements WorkflowStore {
  constructor(readonly engine: Engine & Sharded) {}

  async put(id: string, version: string, blueprint: string): Promise<void> {
    await this.engine.gathered(({ workflowStore }) => workflowStore.put(id, version, blueprint));
  }

  /** Returns the graph of the first shard that has it. A shard that does not answer may have the same one. */
  async get(id: string, version: string): Promise<string | undefined> {
    let failed: Error | undefined;
    const found = await this.engine.gathered(
      ({ workflowStore }) => workflowStore.get(id, version),
      (error) => {
        failed ??= error;
      },
    );
    const text = found.find((one) => one !== undefined);
    if (text === undefined && failed !== undefined) throw failed;
    return text;
  }

  /** Lists the workflows of the shards that answer. */
  async list(): Promise<WorkflowVersion[]> {
    const lists = await this.engine.gathered(({ workflowStore }) => workflowStore.list(), ignored);
    const known = new Map(lists.flat().map((workflow) => [JSON.stringify([workflow.id, workflow.version]), workflow]));
    return [...known.values()];
  }
}

/** Groups items by the shards of their runs. */
export async function partsOf<Item extends { readonly runId: string }>(
  { shards }: Sharded,
  items: readonly Item[],
): Promise<Map<Engine, Item[]>> {
  const runIds = [...new Set(items.map(({ runId }) => runId))];
  const found = new Map(await Promise.all(runIds.map(async (runId) => [runId, await shards.of(runId)] as const)));
  const parts = new Map<Engine, Item[]>();
  for (const item of items) {
    const engine = found.get(item.runId) as Engine;
    parts.set(engine, [...(parts.get(engine) ?? []), item]);
  }
  return parts;
}

const ignored = () => {};
