import type { Codec } from '../../flow/run/index.js';
import type { JournalEntry } from '../contracts.js';
import { type Entry, readEntry } from '../journal/entry.js';
import { readError } from '../run/whole-state.js';
import type { RunStatus } from '../run-info.js';
import { errorFrom } from './views.js';

/** Something that has happened in a run. */
export interface RunEvent {
  /** Its number in the run, from 1; `after` takes it. */
  readonly seq: number;
  /** By the engine's clock, in epoch milliseconds. */
  readonly time: number;
  /** What has happened: to a node, to the run, or that it has come to stand so. */
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
  /** How long it took, in milliseconds. */
  readonly duration?: number | undefined;
  readonly output?: unknown;
  readonly error?: (Error & { readonly code?: unknown }) | undefined;
  /** Milliseconds before it is tried again. */
  readonly delay?: number | undefined;
  /** Name of a signal. */
  readonly event?: string | undefined;
  /** How the run stands, for `concluded`. */
  readonly status?: RunStatus | undefined;
}

/**
 * What an entry of a journal tells the user; nothing for what is none of theirs.
 *
 * @throws {SerializationError} for an output that cannot be read; it names run and event
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
    case 'parked':
      return undefined;
    default:
      return { ...at, type: entry.type };
  }
}

function executionOf({ node, visit, attempt, worker, ms }: Extract<Entry, { worker: string }>) {
  return { nodeId: node, visit, attempt, workerId: worker, duration: ms };
}
