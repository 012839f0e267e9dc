export type { CloseOptions } from '../shared/closing.js';
export { LockedError } from '../shared/directory-lock.js';
export { MissingPeerError } from '../shared/peers.js';
export type {
  CheckpointStore,
  ContextStore,
  DisposableEngine,
  Engine,
  ErrorStore,
  JobState,
  LivenessStore,
  MetricsStore,
  OnShardError,
  RunInfoStore,
  RunMetrics,
  ShardSet,
  StatusChange,
  StepMetrics,
  WorkerHealth,
  WorkerReport,
  WorkflowStore,
  WorkItemState,
  WorkItemStateStore,
  WorkQueue,
} from './contracts.js';
export { memory } from './engines/memory/memory-engine.js';
export type { EngineOptions, RedisOptions } from './engines/options.js';
export { type RedisConnection, redis } from './engines/redis/redis-engine.js';
export { type ShardsOptions, shards } from './engines/shards/shards.js';
export { type MigrationOptions, migratePostgres, migrationScript } from './engines/sql/migrate-postgres.js';
export { pglite } from './engines/sql/pglite.js';
export { type PostgresOptions, type PostgresPool, postgres } from './engines/sql/postgres.js';
export {
  EngineError,
  type EngineErrorReason,
  PayloadError,
  RunExistsError,
  RunNotFoundError,
  RunStateError,
  SupersededError,
  WorkerAliveError,
  WorkerLostError,
  WorkerStoppedError,
  WorkflowChangedError,
  WorkflowNotFoundError,
} from './errors.js';
export { defineFleet, type Fleet, type FleetOptions } from './fleet.js';
export type { SignalOutcome } from './journal/signals.js';
export type { StartedRun } from './orchestrator/begin.js';
export { OrchestratorBuilder } from './orchestrator/builder.js';
export { DistributedExecutor } from './orchestrator/executor.js';
export type { OrchestratorOptions } from './orchestrator/options.js';
export { DistributedOrchestrator } from './orchestrator/orchestrator.js';
export type { RunEvent } from './orchestrator/run-events.js';
export type { StartOptions, StartRequest } from './orchestrator/start-options.js';
export type {
  EventsOptions,
  Liveness,
  PendingWork,
  RunError,
  RunPage,
  ShardsQuestion,
  SignalOptions,
  WaitForOptions,
} from './orchestrator/views.js';
export type { CompletedRun, EndedRun, RunId, UncompletedRun } from './run-id.js';
export {
  isFinished,
  type RunCounts,
  type RunFilter,
  type RunInfo,
  type RunStatus,
  runStatuses,
} from './run-info.js';
export type { OwnWorkerOptions, WorkerOptions } from './worker/options.js';
export { DistributedWorker, type WorkerEvents } from './worker/worker.js';
export { WorkflowCtx } from './workflows/workflow-ctx.js';
export type { Workflow } from './workflows/workflows.js';
