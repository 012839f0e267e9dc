export type { Action, ActionOptions } from './action.js';
export { AbortError, ParallelError, TimeoutError, ValidationError } from './errors.js';
export type {
  GroupRecord,
  ProcessBeginEvent,
  ProcessCompletionEvent,
  ProcessRecord,
  Status,
  TaskBeginEvent,
  TaskCompletionEvent,
  TaskRecord,
  TaskRetryEvent,
} from './events.js';
export { Orchestrator } from './face.js';
export type { Hook, HookOptions, Middleware } from './hooks.js';
export { type Carrier, type Instrumentation, instrument } from './instrumentation.js';
export type { Logger, LogLevel } from './logger.js';
export type { OrchestratorOptions } from './orchestrator.js';
export type {
  ParallelAction,
  ParallelActions,
  ParallelArguments,
  ParallelOptions,
  ParallelResults,
} from './parallel.js';
export type { Policy, PolicyOptions } from './policy.js';
export type { RetryContext, RetryOptions } from './retry.js';
export type { RunOptions } from './run.js';
export type { TimeoutOptions } from './timeout.js';
