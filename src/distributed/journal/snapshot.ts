import type { JournalTail } from '../contracts.js';
import type { SavedReplica } from './saved-replica.js';

/**
 * Parses the snapshot that a journal starts from. Call it only for a journal that was read from its start: others have
 * no snapshot.
 */
export function snapshotOf({ snapshot }: JournalTail): SavedReplica {
  return JSON.parse((snapshot as NonNullable<JournalTail['snapshot']>).text) as SavedReplica;
}
