import type { JournalTail } from '../contracts.js';
import type { SavedReplica } from './saved-replica.js';

/**
 * Parses the snapshot of a journal that was read from its start. A journal that was read from a later entry has no
 * snapshot.
 */
export function snapshotOf({ snapshot }: JournalTail): SavedReplica {
  return JSON.parse((snapshot as NonNullable<JournalTail['snapshot']>).text) as SavedReplica;
}
