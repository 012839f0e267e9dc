import { cleaned } from '../../shared/text.js';
import type { JournalTail } from '../contracts.js';
import { EngineError } from '../errors.js';
import type { SavedReplica } from './saved-replica.js';

/**
 * Parses the snapshot of a journal that was read from its start. A journal that was read from a later entry has no
 * snapshot.
 *
 * @throws {EngineError} if the engine has kept the run without its snapshot
 */
export function snapshotOf({ record, snapshot }: JournalTail): SavedReplica {
  if (snapshot !== undefined) return JSON.parse(snapshot.text) as SavedReplica;
  const problem = `has lost the snapshot of run "${cleaned(record.runId, 100)}": delete the run, and start it again`;
  throw new EngineError('the engine', problem, { reason: 'refused' });
}
