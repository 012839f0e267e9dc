import type { JournalTail } from '../contracts.js';
import type { SavedReplica } from './saved-replica.js';

/** What a journal starts from that was read as a whole. */
export function snapshotOf({ snapshot }: JournalTail): SavedReplica {
  return JSON.parse((snapshot as NonNullable<JournalTail['snapshot']>).text) as SavedReplica;
}
