// The exports for other layers: the model of a run.

export { Codec } from '../../shared/codec.js';
export type { Changes, Kept, Source } from './changes.js';
export { lastOf, outputOf, standing } from './conclusion.js';
export { ContextView } from './context-view.js';
export { decisionTime, isOpen } from './decision.js';
export { type RunEndEvent, runEndChannel } from './end.js';
export type { Failure, Happening, InNode, OfRun, WaitEnd } from './happening.js';
export { fieldOf } from './keys.js';
export { Memory, type MemoryHooks, type Remembered } from './memory.js';
export { isMergeable, type Merges, mergeChange } from './merge.js';
export { plainError } from './plain-error.js';
export { prospectOf } from './prospects.js';
export type { Context, WorkflowResult } from './result.js';
export type { Entry, RunHappening, RunMemory, SavedChild, SavedRun } from './saved.js';
export { digestIn, digestOf, isSentAgain } from './sent-again.js';
export { type StateJournal, WorkflowState } from './state.js';
