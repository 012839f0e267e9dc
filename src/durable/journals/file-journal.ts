import { aName, anObjectOf, aValue } from '../../shared/validate.js';
import { Journal, type JournalOptions } from '../face.js';
import { FileJournalStore } from './file/file-store.js';

/**
 * Options of `fileJournal`.
 *
 * @example
 * const options: FileJournalOptions = { sync: 'process', errors: [HttpError] };
 */
export interface FileJournalOptions extends JournalOptions {
  /**
   * When a task counts as recorded. `machine`: when its record is on the disk, so that it survives a loss of power.
   * `process`: when the record was handed to the system, which is faster and survives the death of the program, but
   * after a loss of power the last tasks are repeated. Default: `machine`.
   */
  readonly sync?: 'machine' | 'process' | undefined;
}

const readSync = aValue<'machine' | 'process'>(
  "'machine' or 'process'",
  (value) => value === 'machine' || value === 'process',
);
const readOptions = anObjectOf<FileJournalOptions>({ sync: readSync, errors: (value) => value });

/**
 * Creates a journal in a directory, with a file for each run. Any number of programs on the machine may use the
 * directory. A run is executed by one of them at a time; if that one dies, the next one continues at once.
 *
 * @param directory - path of the directory; it is created with the first run
 * @throws {ValidationError} if the path is not a non-empty string, or an option is not valid
 *
 * @example
 * const journal = fileJournal('./runs');
 * await orchestrator.run(importAll, { id: 'import-2026-11', journal });
 */
export function fileJournal(directory: string, options: FileJournalOptions = {}): Journal {
  const { sync = 'machine', errors } = readOptions(options);
  return new Journal(new FileJournalStore(aName(directory, 'directory'), sync), { errors });
}
