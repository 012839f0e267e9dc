// Compiled against the declarations in the packed tarball, without skipLibCheck.
import { type GroupRecord, instrument, Orchestrator, type RetryOptions, type TaskCompletionEvent } from 'orchestrator';
import { createDashboard, type Dashboard } from 'orchestrator/dashboard';
import {
  DistributedExecutor,
  DistributedWorker,
  memory,
  OrchestratorBuilder,
  postgres,
  type RunInfo,
  redis,
} from 'orchestrator/distributed';
import { type Commit, type CommitAnswer, derivedStores, type Engine } from 'orchestrator/distributed/engine';
import { conformanceOf } from 'orchestrator/distributed/testing';
import {
  DurableFunction,
  fileJournal,
  Journal,
  type JournalStore,
  type StartedRun,
  sqlJournal,
} from 'orchestrator/durable';
import { type Exploration, explore, type journalStoreConformanceOf } from 'orchestrator/durable/testing';
import { Flow, type IExecutor, InMemoryExecutor, Node, type NodeArgs, type WorkflowResult } from 'orchestrator/flow';
import { type LimitStore, limit, postgresLimits } from 'orchestrator/limits';
import { idle, Loop, to, WorkflowOrchestrator } from 'orchestrator/loops';
import { type Progress, showProgress } from 'orchestrator/progress';
import { logTo, startTelemetry, type Telemetry } from 'orchestrator/telemetry';

interface State {
  requests: number;
}

const retry: RetryOptions = { retries: 3, retryAfter: () => '1' };
const orchestrator = new Orchestrator<State>({ retry, timeout: { attempt: 1_000, total: 5_000 } });
orchestrator.onTaskCompletion((event: TaskCompletionEvent<State>) => event.context.requests++);

const length = orchestrator.action((text: string) => text.length);
const both = orchestrator.parallel([length, () => 'two']);
export const results: Promise<[number, string]> = orchestrator.run(() => both('one'));
export const lengths: Promise<number[]> = orchestrator.map(['a', 'b'], length, { concurrency: 2 });

class Double extends Node<State, number, number> {
  override prep({ context }: NodeArgs<State>) {
    return context.requests;
  }

  override exec({ prepRes }: NodeArgs<State, number>) {
    return prepRes * 2;
  }
}

const executor: IExecutor = new InMemoryExecutor();
const flow = new Flow<State>('consumer')
  .node('double', Double)
  .node('text', (count) => 'x'.repeat(count), { after: 'double' })
  .node('length', length, { after: 'text' });
export const result: Promise<WorkflowResult<State>> = flow.run({ requests: 1 }, { executor });
// @ts-expect-error there is no such node
flow.edge('double', 'nowhere');
// @ts-expect-error the node gives a number, and the other takes a string
flow.edge('double', 'length');

const engine = memory();
export const engines = [redis('redis://127.0.0.1'), postgres('postgres://127.0.0.1/app'), engine];
export const worker = new DistributedWorker({ engine, workflows: [flow], concurrency: 2 });
const fleet = new OrchestratorBuilder().workflow(flow).engine(engine).build();
export const info: Promise<RunInfo> = fleet.startRun({ requests: 1 }).then((runId) => fleet.waitForCompletion(runId));
export const onFleet: Promise<WorkflowResult<State>> = flow.run({}, { executor: new DistributedExecutor(engine) });
export const stores: Pick<Engine, 'contextStore' | 'metricsStore' | 'errorStore'> = derivedStores(engine);
export const commit = async (
  own: Engine,
  runId: string,
  commits: readonly Commit[],
): Promise<CommitAnswer | undefined> => own.commit(runId, 0, commits);
export const suite: typeof conformanceOf = conformanceOf;

const loop = new Loop('numbers', { schedule: 1_000, onError: { action: 'restart', limit: 3 } })
  .producer('one', () => (Math.random() < 0.5 ? 1 : idle()))
  .blocking('text', (value: number, { iteration }) => to('out', `${value} of ${iteration}`))
  .push('out', 'texts');
export const workflow: WorkflowOrchestrator = new WorkflowOrchestrator({ registry: {} }).load({
  queues: { texts: { overflow: 'drop-oldest' } },
  loops: [loop],
});

export const remove: () => void = instrument({ group: ({ total }: GroupRecord, work) => work().then(() => total) });
export const progress: Progress = showProgress({ interactive: false });
export const stopLog: () => void = logTo(console);
export const telemetry: Promise<Telemetry> = startTelemetry();
export const dashboard: Dashboard = createDashboard({ distributed: fleet, loops: workflow });
export const answer: Promise<Response> = dashboard.fetch(new Request('http://localhost/'));

export const store: LimitStore = postgresLimits('postgres://127.0.0.1:1/none');
export const shared = new Orchestrator().action('ask', async (prompt: string) => prompt, {
  limit: limit({ name: 'api', rate: 10, store }),
});

const journal = fileJournal('./runs', { sync: 'process', errors: [RangeError] });
export const order = new DurableFunction('order', async (item: string) => item.length, { orchestrator, version: '1' });
export const started: Promise<StartedRun<number>> = order.start('tea', { id: 'order-1', journal });
export const durableResult: Promise<number> = orchestrator.run(() => length('one'), { id: 'run', journal });
export const ownJournal = (own: JournalStore): Journal => new Journal(own);
export const onSql: Journal = sqlJournal({ query: async () => ({ rows: [] }) });
export const exploration: Promise<Exploration> = explore(() => 1);
export type JournalSuite = typeof journalStoreConformanceOf;
