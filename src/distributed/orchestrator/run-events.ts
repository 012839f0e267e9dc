import type { Codec } from '../../flow/run/index.js';
import type { JournalEntry } from '../contracts.js';
import { type Entry, readEntry } from '../journal/entry.js';
import { readError } from '../run/whole-state.js';
import type { RunStatus } from '../run-info.js';
import { errorFrom } from './views.js';

/**
 * An event of a run, as `DistributedOrchestrator.events` returns it: a node has ended or waits, or the run itself was
 * paused, resumed, signalled or ended. Fields that do not apply to the `type` are undefined.
 */
export interface RunEvent {
  /** The number of the event within the run, from 1. Pass the number as `after` to continue after this event. */
  readonly seq: number;
  /** Time of the commit by the engine's clock, in epoch milliseconds. */
  readonly time: number;
  /**
   * The kind of event. `recovered`: a fallback replaced a failed node. `item`: an element of a batch completed. `due`:
   * the time for which a node waited has come. `concluded`: the run has ended or waits; see `status`.
   */
  readonly type:
    | 'completed'
    | 'recovered'
    | 'failed'
    | 'retrying'
    | 'awaiting'
    | 'item'
    | 'subflow'
    | 'signal'
    | 'due'
    | 'paused'
    | 'resumed'
    | 'cancelled'
    | 'timed-out'
    | 'concluded'
    | 'retried';
  readonly nodeId?: string | undefined;
  readonly visit?: number | undefined;
  readonly attempt?: number | undefined;
  readonly workerId?: string | undefined;
  /** Duration of the execution, in milliseconds. */
  readonly duration?: number | undefined;
  readonly output?: unknown;
  readonly error?: (Error & { readonly code?: unknown }) | undefined;
  /** Milliseconds before the next attempt, for `retrying`. */
  readonly delay?: number | undefined;
  /** The name of the event, for `signal` and `awaiting`. */
  readonly event?: string | undefined;
  /** The status of the run, for `concluded`. */
  readonly status?: RunStatus | undefined;
}

/**
 * Converts an entry of a journal to an event. Returns `undefined` for an internal entry.
 *
 * @throws {SerializationError} for an output that cannot be decoded; the message names the run and the event
 */
export function eventOf(runId: string, { seq, time, text }: JournalEntry, codec: Codec): RunEvent | undefined {
  const outputOf = (output: string | undefined) =>
    codec.decodeMaybe(output, 'output', `of event ${seq} of run "${runId}" `);
  const thrown = (error: string) => errorFrom(readError(codec, error, runId));
  const entry = readEntry(text);
  const at = { seq, time };
  switch (entry.type) {
    case 'completed': {
      const type = entry.recoveredBy === undefined ? 'completed' : 'recovered';
      return { ...at, type, ...executionOf(entry), output: outputOf(entry.output) };
    }
    case 'failed':
      return { ...at, type: 'failed', ...executionOf(entry), error: thrown(entry.error) };
    case 'retrying': {
      const { delay } = entry;
      return { ...at, type: 'retrying', ...executionOf(entry), error: thrown(entry.error), delay };
    }
    case 'awaiting':
      return { ...at, type: 'awaiting', ...executionOf(entry), event: entry.waits[0]?.event };
    case 'item':
      return { ...at, type: 'item', nodeId: entry.node, output: outputOf(entry.output) };
    case 'started':
    case 'child':
      return { ...at, type: 'subflow', nodeId: entry.node };
    case 'signal':
      return { ...at, type: 'signal', event: entry.event };
    case 'due':
      return { ...at, type: 'due', nodeId: entry.node };
    case 'concluded':
      return { ...at, type: 'concluded', status: entry.status };
    case 'claimed':
    case 'input':
    case 'split':
    case 'parked':
      return undefined;
    default:
      return { ...at, type: entry.type };
  }
}

function executionOf({ node, visit, attempt, worker, ms }: Extract<Entry, { worker: string }>) {
  return { nodeId: node, visit, attempt, workerId: worker, duration: ms };
}
