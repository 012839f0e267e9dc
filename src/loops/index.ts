export { LockedError } from '../shared/directory-lock.js';
export type { JsonSchema } from '../shared/json-schema.js';
export type { Logger } from '../shared/logger.js';
export { MissingPeerError } from '../shared/peers.js';
export type { StandardSchema } from '../shared/standard-schema.js';
export type {
  ErrorAction,
  ErrorPolicy,
  FormerLoopEdge,
  Implementation,
  LoopDefinition,
  LoopEdgeDefinition,
  LoopNodeDefinition,
  LoopRegistry,
  LoopRuntime,
  LoopSettings,
  LoopTimeout,
  MissedTicks,
  ModuleLoop,
  NodeKind,
  NodeOverflow,
  Overflow,
  PlacedLoop,
  Placement,
  PoolType,
  QueueDefinition,
  RestartPolicy,
  Schedule,
  WhenFull,
  WorkflowDefinition,
} from './definition.js';
export {
  DeliveryLimitError,
  InFlightError,
  LoopCrashError,
  LoopDefinitionError,
  type LoopFault,
  LoopModuleError,
  LoopStateError,
  LoopStoreError,
  NotFoundError,
  QueueFullError,
  RouteError,
} from './errors.js';
export type {
  EdgeDefinition,
  NodeClass,
  NodeConfig,
  NodeDefinition,
  NodeFunction,
  Registry,
  Workflow,
} from './former-names.js';
export type {
  DeadLetter,
  Durations,
  LetterMessage,
  LoopEnd,
  LoopMetrics,
  LoopState,
  NodeHealth,
  NodeState,
  QueueMetrics,
} from './health.js';
export type { Inlet, LoopEvent, LoopHost } from './host.js';
export { Loop, type LoopOptions, type NodeSettings, type ProducerFunction, type ReaderFunction } from './loop.js';
export { LoopManager } from './manager/loop-manager.js';
export {
  BaseNode,
  BlockingNode,
  type Cursor,
  type LoopNodeClass,
  type LoopNodeConfig,
  type LoopNodeFunction,
  type Message,
  type Messaging,
  type NodeData,
  NonBlockingNode,
  ProducerNode,
  QueueNode,
  type QueueNodeOptions,
  QueueReader,
  type QueueReaderOptions,
} from './node.js';
export type {
  CloseOptions,
  LoadedLoop,
  LoopWorkflow,
  QueueHandle,
  StopOptions,
  StopSummary,
  WorkflowEvents,
  WorkflowHealth,
  WorkflowMetrics,
  WorkflowOrchestratorOptions,
} from './orchestrator/contracts.js';
export type { DeadLetters } from './orchestrator/dead-letters.js';
export { WorkflowOrchestrator } from './orchestrator/orchestrator.js';
export type { StopReport } from './orchestrator/stop-report.js';
export { type Done, done, Idle, idle, Routed, to } from './outcomes.js';
export { type LoopPlan, type PlannedNode, planOf } from './plan.js';
export {
  type QueueGiven,
  type QueueValue,
  type QueueWithSchema,
  queue,
  type TypedQueue,
  type TypedQueues,
} from './queue.js';
export type { Deliveries } from './queues/queue-store.js';
export type { DesiredState, LoopStore, Stored } from './store/contracts.js';
export { lmdbStore } from './store/lmdb.js';
