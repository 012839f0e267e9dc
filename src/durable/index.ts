export { SerializationError } from '../shared/serialization-error.js';
export { again } from './again.js';
export type { LifeBeginEvent, TaskReplayedEvent } from './channels.js';
export {
  DurableFunction,
  type DurableFunctionOptions,
  type DurableRunOptions,
  type RecoverOptions,
  type StartedRun,
} from './durable-function.js';
export type { ErrorClass } from './error-forms.js';
export {
  DivergenceError,
  InterruptedError,
  JournalError,
  LockedError,
  PayloadError,
  RunExistsError,
  RunsError,
  SupersededError,
} from './errors.js';
export { type DurableRun, Journal, type JournalListOptions, type JournalOptions, type JournalRun } from './face.js';
export { idempotencyKey } from './idempotency-key.js';
export type {
  JournalCopy,
  JournalHeader,
  JournalOwner,
  JournalQuery,
  JournalSignal,
  JournalStatus,
  JournalStore,
  JournalSummary,
  OpenedRun,
  OpenRequest,
} from './journal.js';
export { type FileJournalOptions, fileJournal } from './journals/file-journal.js';
export { memoryJournal } from './journals/memory-journal.js';
export type { SqlPool } from './journals/sql/database.js';
export { type SqlJournalOptions, sqlJournal } from './journals/sql-journal.js';
export { patched } from './patched.js';
export { sleep } from './sleep.js';
export { step } from './step.js';
export { type WaitOptions, waitFor } from './wait-for.js';
