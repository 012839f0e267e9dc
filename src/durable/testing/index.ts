export { memoryJournal } from '../journals/memory-journal.js';
export { type JournalStoreOptions, journalStoreConformanceOf, type TestFramework } from './conformance/index.js';
export { type Exploration, type ExploreOptions, explore } from './explore.js';
export { type Replay, replay } from './replay.js';
