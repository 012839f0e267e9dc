export type { ActionOptions } from './kernel/actions/action.js';
export type { ActionFunctions, Actions, ActionsOptions } from './kernel/actions/actions.js';
export type { Action } from './kernel/actions/callable.js';
export {
  AbortError,
  type InterruptedGroup,
  LimitError,
  ParallelError,
  RetryError,
  TimeoutError,
} from './kernel/errors.js';
export { Orchestrator } from './kernel/face.js';
export type { AnyOptions, AnyResult } from './kernel/groups/any.js';
export type { ParallelAction, ParallelActions, ParallelArguments } from './kernel/groups/combine.js';
export type { EachOptions, EachResult, EachResults } from './kernel/groups/each.js';
export type { GroupOptions } from './kernel/groups/group-options.js';
export type { ParallelOptions, ParallelResults } from './kernel/groups/parallel.js';
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
} from './kernel/hooks/events.js';
export type { Hook, HookOptions, Middleware, MiddlewareOptions } from './kernel/hooks/hooks.js';
export { type Carrier, type Instrumentation, instrument } from './kernel/hooks/instrumentation.js';
export { type MainOptions, runMain } from './kernel/main.js';
export type { OrchestratorOptions } from './kernel/options.js';
export type { RetryBudgetOptions } from './kernel/policies/budget.js';
export type { Fallback, FallbackCall, FallbackResult, Fallbacks } from './kernel/policies/fallback.js';
export { type Limit, type LimitOption, type LimitOptions, limit } from './kernel/policies/limit.js';
export type { Policy, PolicyCall, PolicyOptions } from './kernel/policies/policy.js';
export type { RetryContext, RetryOptions } from './kernel/policies/retry.js';
export type { ShareOptions } from './kernel/policies/share.js';
export type { TimeoutOptions } from './kernel/policies/timeout.js';
export type { CurrentTask } from './kernel/scope/current-task.js';
export type { CurrentProcess, RunOptions } from './kernel/scope/run.js';
export { OrchestratorError, ValidationError } from './shared/errors.js';
export type { Logger } from './shared/logger.js';
