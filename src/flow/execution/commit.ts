import { SerializationError } from '../errors.js';
import { plainError } from '../run/plain-error.js';
import type { RunHappening } from '../run/saved.js';
import type { StateJournal, WorkflowState } from '../run/state.js';

/** The failure of a node: `failed` is final, `postponed` means that another attempt follows. */
export type Failed = Extract<RunHappening, { type: 'failed' | 'postponed' }>;

/**
 * Applies an event to the run. If the run is saved, the event is first written to the journal.
 *
 * @param failInstead - returns the failure to record if the event cannot be saved
 * @returns a promise, or `undefined` if the event was applied synchronously
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
    // A value that cannot be saved is a failure of the node. An error of the store, such as a full disk, is not a
    // failure of the node and ends the run.
    if (!(error instanceof SerializationError) || failInstead === undefined) throw error;
    await saveFailure(failInstead(error), journal);
  }
}

/**
 * Saves a failure, whatever value was thrown. Because a serializer may refuse errors, tries the thrown value first,
 * then a plain copy of the value, then its text.
 */
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

/** Copies the values that arcs pass on in a saved run, because the node may still modify the originals. */
function withCopies({ data }: WorkflowState, happening: RunHappening): RunHappening {
  if (happening.type !== 'completed' || data.saved === undefined || happening.passed.length === 0) return happening;
  const passed = happening.passed.map(([arc, value]) => [arc, data.handedOut(value)] as const);
  return { ...happening, passed };
}
