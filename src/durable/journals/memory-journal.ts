import { Journal, type JournalOptions } from '../face.js';
import { MemoryJournalStore } from './memory-store.js';

/**
 * Creates a journal in memory, for tests. Runs go on after an abort or a failure, but not after the end of the program.
 *
 * @example
 * const journal = memoryJournal();
 * await orchestrator.run(importAll, { id: 'import-42', journal });
 */
export function memoryJournal(options: JournalOptions = {}): Journal {
  return new Journal(new MemoryJournalStore(), options);
}
