import {
  type Codec,
  type Entry,
  Memory,
  type Remembered,
  type RunMemory,
  type SavedChild,
  type SavedRun,
  WorkflowState,
} from '../../flow/run/index.js';
import type { Replica } from '../journal/replica.js';
import { ReadMap } from './read-map.js';

type Readable = Remembered<unknown, SavedRun, Entry>;

/**
 * Converts the memory of a replica to the memory of a run in the flow layer. Values are decoded when they are accessed.
 *
 * @param of - the name of the run in error messages, with a trailing space. Default: empty
 */
export function memoryAsRead({ memory, position, runId, origin: { codec } }: Replica, of = ''): RunMemory {
  const read = (text: string, field: string) => codec.decode(text, field, of);
  const { actions, awaiting, itemChanges, received } = memory;
  const kept: { -readonly [Name in keyof Readable]?: Readable[Name] } = { actions, awaiting, itemChanges, received };
  if (memory.has('failures')) {
    kept.failures = new ReadMap(memory.failures, (failure) => {
      return { ...failure, cause: readError(codec, failure.cause, runId) };
    });
  }
  if (memory.has('delivered')) {
    kept.delivered = new ReadMap(memory.delivered, ({ events, ...rest }) => ({
      events: eventsFrom(events, read),
      ...rest,
    }));
  }
  if (memory.has('passed')) kept.passed = new ReadMap(memory.passed, (text) => read(text, 'what an edge passes on'));
  if (memory.has('items')) {
    kept.items = new ReadMap(memory.items, (outputs) => {
      return new ReadMap(outputs, (text, index) => read(text, `item ${index}`));
    });
  }
  if (memory.has('inner')) {
    kept.inner = new ReadMap(memory.inner, (ofNode) => {
      return new ReadMap(ofNode, ({ run, entries }, key) => {
        const field = `sub-flow "${key}"`;
        return { run: read(run, field), entries: entries.map((entry) => read(entry, field)) } as SavedChild;
      });
    });
  }
  return new Memory(position, kept);
}

/**
 * Converts a replica to the full state of a run in the flow layer, from which a result can be built.
 *
 * @throws {SerializationError} for a value that cannot be decoded; the message names the run
 */
export function wholeState(replica: Replica): WorkflowState {
  const { codec } = replica.origin;
  const of = `of run "${replica.runId}" `;
  const values = [...replica.values.entries()].map(([key, text]) => [key, codec.decode(text, `context.${key}`, of)]);
  const input = codec.decode(replica.input, 'input', of);
  return new WorkflowState(Object.fromEntries(values), { runId: replica.runId, input }, memoryAsRead(replica, of));
}

/** Decodes a stored error. If this fails, returns the error that reports the failure. */
export function readError(codec: Codec, text: string, runId: string): unknown {
  try {
    return codec.decode(text, 'error', `of run "${runId}" `);
  } catch (error) {
    return error;
  }
}

function eventsFrom(events: Readonly<Record<string, string>>, read: (text: string, field: string) => unknown) {
  return Object.fromEntries(Object.entries(events).map(([event, text]) => [event, read(text, `events.${event}`)]));
}
