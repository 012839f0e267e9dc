export type { ActionOptions } from './kernel/action.js';
export type { ActionFunctions, Actions } from './kernel/actions.js';
export type { AnyOptions, AnyResult } from './kernel/any.js';
export type { RetryBudgetOptions } from './kernel/budget.js';
export type { Action } from './kernel/callable.js';
export type { ParallelAction, ParallelActions, ParallelArguments } from './kernel/combine.js';
export type { CurrentTask } from './kernel/current-task.js';
export type { EachOptions, EachResult, EachResults } from './kernel/each.js';
export {
  AbortError,
  type InterruptedGroup,
  LimitError,
  ParallelError,
  RetryError,
  TimeoutError,
} from './kernel/errors.js';
export type {
  FailureEvent,
  GroupRecord,
  HookErrorEvent,
  HookName,
  ProcessBeginEvent,
  ProcessCompletionEvent,
  ProcessRecord,
  Status,
  TaskBeginEvent,
  TaskCompletionEvent,
  TaskRecord,
  TaskRetryEvent,
} from './kernel/events.js';
export { Orchestrator } from './kernel/face.js';
export type { Fallback, FallbackCall, FallbackResult, Fallbacks } from './kernel/fallback.js';
export type { Hook, HookOptions, Middleware, MiddlewareOptions } from './kernel/hooks.js';
export { type Carrier, type Instrumentation, instrument } from './kernel/instrumentation.js';
export { type Limit, type LimitOption, type LimitOptions, limit } from './kernel/limit.js';
export { type MainOptions, runMain } from './kernel/main.js';
export type { OrchestratorOptions } from './kernel/orchestrator.js';
export type { ParallelOptions, ParallelResults } from './kernel/parallel.js';
export type { Policy, PolicyCall, PolicyOptions } from './kernel/policy.js';
export type { RetryContext, RetryOptions } from './kernel/retry.js';
export type { CurrentProcess, RunOptions } from './kernel/run.js';
export type { ShareOptions } from './kernel/share.js';
export type { TimeoutOptions } from './kernel/timeout.js';
export { OrchestratorError, ValidationError } from './shared/errors.js';
export type { Logger } from './shared/logger.js';
