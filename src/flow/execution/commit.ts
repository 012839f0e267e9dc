import { SerializationError } from '../../shared/serialization-error.js';
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
  if (happening.type === 'concluded' && happening.status === 'failed') {
    return saveThrown(happening.reason, (reason) => journal.append({ ...happening, reason }));
  }
  try {
    await journal.append(withCopies(state, happening));
  } catch (error) {
    // A value that cannot be saved is a failure of the node. An error of the store, such as a full disk, is not a
    // failure of the node and ends the run.
    if (!(error instanceof SerializationError) || failInstead === undefined) throw error;
    await saveFailure(failInstead(error), journal);
  }
}

function saveFailure(happening: Failed, journal: StateJournal): Promise<void> {
  const { error } = happening;
  return saveThrown(error.cause, (cause) => journal.append({ ...happening, error: { ...error, cause } }));
}

/**
 * Saves a value that was thrown, whatever it is. Because a serializer may refuse errors, tries the thrown value first,
 * then a plain copy of the value, then its text.
 */
async function saveThrown(thrown: unknown, save: (thrown: unknown) => Promise<void>): Promise<void> {
  const plain = plainError(thrown);
  let refused: unknown;
  for (const each of [thrown, plain, `${plain.name}: ${plain.message}`]) {
    try {
      return await save(each);
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
