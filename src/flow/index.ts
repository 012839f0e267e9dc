export type { Attempts } from '../kernel/policies/retry.js';
export type { JsonSchema } from '../shared/json-schema.js';
export { type Logger, NullLogger } from '../shared/logger.js';
export { SerializationError } from '../shared/serialization-error.js';
export { DefaultSerializer, type Serializer } from '../shared/serializer.js';
export type { SchemaInput, SchemaIssue, SchemaOutput, StandardSchema } from '../shared/standard-schema.js';
export { type Analysis, analyze } from './analysis.js';
export {
  type EdgeDefinition,
  type Graph,
  type InputMapping,
  type InputSource,
  type JoinStrategy,
  type NodeConfig,
  type NodeDefinition,
  toBlueprint,
  type WorkflowBlueprint,
} from './blueprint.js';
export { GraphBuilder } from './builder.js';
export { FileCheckpointStore } from './checkpoint/file-store.js';
export { MemoryCheckpointStore } from './checkpoint/memory-store.js';
export type { Checkpoint, CheckpointStore, Claim } from './checkpoint/store.js';
export type {
  ExecutionOptions,
  ExecutionServices,
  ICoordinationStore,
  IOrchestrator,
  NodeExecutionResult,
  NodeExecutor,
  NodeExecutorFactory,
  SettledResult,
} from './contracts.js';
export type { After, AfterOptions, EdgeArgs, EdgeOptions } from './edge-options.js';
export {
  BlueprintError,
  CheckpointError,
  CoordinationError,
  ExpressionError,
  type Fault,
  LockedError,
  NodeError,
  TooLateError,
  UnknownActionError,
  VisitsError,
} from './errors.js';
export type { Evaluator, Expression, ExpressionScope } from './execution/expression.js';
export { executeBatch, processResults } from './execution/processing.js';
export { DryRunExecutor, type DryRunResult, type DryRunStep } from './executors/dry-run.js';
export { InMemoryExecutor } from './executors/in-memory.js';
export { Flow } from './flow.js';
export type {
  BatchOptions,
  FlowOptions,
  MergeFunction,
  NodeOptions,
  SleepOptions,
  WaitOptions,
} from './flow-options.js';
export { toMermaid } from './mermaid.js';
export {
  AbstractNode,
  type ContinueOptions,
  FlowNode,
  type FlowSchemas,
  type FlowTypes,
  type GraphData,
  type IExecutor,
  type InternalRunOptions,
  Node,
  type NodeArgs,
  type NodeClass,
  type NodeFunction,
  type NodeImplementation,
  type NodeMiddleware,
  type Registry,
  type ResultOptions,
  type ResumeOptions,
  type RunOptions,
  type UnknownTypes,
} from './node.js';
export { type ActionResult, type NodeResult, withAction } from './node-result.js';
export { MemoryCoordinationStore } from './orchestrators/coordination.js';
export { type EventDrivenOptions, EventDrivenOrchestrator } from './orchestrators/event-driven.js';
export type { RemoteState } from './orchestrators/remote-job.js';
export { ResumptionOrchestrator } from './orchestrators/resumption.js';
export { RunToCompletionOrchestrator } from './orchestrators/run-to-completion.js';
export { StepByStepOrchestrator } from './orchestrators/step-by-step.js';
export type { NextNode } from './plan/plan.js';
export type { RunEndEvent } from './run/end.js';
export {
  type CompletedResult,
  type Context,
  type UncompletedResult,
  type Unreached,
  type Waiting,
  WorkflowError,
  type WorkflowResult,
  type WorkflowStatus,
} from './run/result.js';
export { type StateOptions, WorkflowState } from './run/state.js';
export { GraphTraverser, type ReadyNode } from './run/traverser.js';
export { FlowRuntime, type PreparedRun } from './runtime.js';
export type { FlowRuntimeOptions } from './runtime-options.js';
export type { RunResult } from './typing/results.js';
