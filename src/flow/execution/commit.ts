import { SerializationError } from '../errors.js';
import { plainError } from '../run/plain-error.js';
import type { RunHappening } from '../run/saved.js';
import type { StateJournal, WorkflowState } from '../run/state.js';

/** A node has failed, for now or for good. */
export type Failed = Extract<RunHappening, { type: 'failed' | 'postponed' }>;

/**
 * Something has happened: it is saved, if the run is, and then holds.
 *
 * @param failInstead - gives what happens instead where something cannot be saved
 * @returns a promise where something has to be waited for
 */
export function commit(
  state: WorkflowState,
  happening: RunHappening,
  failInstead?: (error: SerializationError) => Failed,
): Promise<void> | undefined {
  if (state.journal !== undefined) return commitSaved(state, happening, state.journal, failInstead);
  if (happening.type === 'failed') state.forget(happening.nodeId);
  state.memory.apply(happening);
  return undefined;
}

async function commitSaved(
  state: WorkflowState,
  happening: RunHappening,
  journal: StateJournal,
  failInstead?: (error: SerializationError) => Failed,
): Promise<void> {
  if (happening.type === 'failed' || happening.type === 'postponed') return saveFailure(happening, journal);
  try {
    await journal.append(withCopies(state, happening));
  } catch (error) {
    // What cannot be saved is the node's failure; a disk that is full is not.
    if (!(error instanceof SerializationError) || failInstead === undefined) throw error;
    await saveFailure(failInstead(error), journal);
  }
}

/** A failure is saved whatever was thrown: what cannot be, in short texts; by a serializer that takes no errors, as one. */
async function saveFailure(happening: Failed, journal: StateJournal): Promise<void> {
  const plain = plainError(happening.error.cause);
  let refused: unknown;
  for (const cause of [happening.error.cause, plain, `${plain.name}: ${plain.message}`]) {
    try {
      return await journal.append({ ...happening, error: { ...happening.error, cause } });
    } catch (error) {
      if (!(error instanceof SerializationError)) throw error;
      refused = error;
    }
  }
  throw refused;
}

/** What arcs pass on is the run's own where it is saved: whoever made it may still change it. */
function withCopies({ data }: WorkflowState, happening: RunHappening): RunHappening {
  if (happening.type !== 'completed' || data.saved === undefined || happening.passed.length === 0) return happening;
  const passed = happening.passed.map(([arc, value]) => [arc, data.handedOut(value)] as const);
  return { ...happening, passed };
}
