import { SerializationError } from '../../flow/index.js';
import {
  type Changes,
  type Entry,
  type Failure,
  type InNode,
  plainError,
  type RunHappening,
  type SavedRun,
} from '../../flow/run/index.js';
import { cut } from '../../shared/text.js';
import { PayloadError } from '../errors.js';
import type { Execution, NodeEntry } from '../journal/entry.js';
import type { RunHandle } from '../run/run-handle.js';

/** How many characters of a key a message names. */
const longestKey = 100;

/** What a message calls a key of the context. */
export function fieldOf(key: string): string {
  return `context.${cut(key, longestKey)}`;
}

/** A node has ended, for now or for good. */
export type Ended = Exclude<RunHappening, InNode<unknown, SavedRun, Entry>>;

/** Values of an execution as texts, none of them larger than may be. */
export class ItemTexts {
  /** @param maxPayload - how large a text may be, in bytes */
  constructor(
    private readonly handle: RunHandle,
    private readonly maxPayload: number,
  ) {}

  /** An error can always be written: what cannot be, or is too large, in short texts. */
  writeError({ cause }: Failure<unknown>): string {
    const { codec } = this.handle;
    try {
      const text = codec.encode(cause);
      if (Buffer.byteLength(text) <= this.maxPayload) return text;
    } catch (error) {
      if (!(error instanceof SerializationError)) throw error;
    }
    const plain = plainError(cause);
    try {
      return codec.encode(plain);
    } catch {
      // Not even that, by a serializer of somebody's own.
      return codec.encode(`${plain.name}: ${plain.message}`);
    }
  }

  /** @throws {SerializationError} for what cannot be saved, or is too large; the node fails with it */
  write(value: unknown, path: string): string {
    const text = this.handle.codec.encode(value, path);
    this.check(text, path);
    return text;
  }

  check(text: string, path: string): void {
    const { maxPayload } = this;
    // A character takes one to three bytes of UTF-8.
    if (text.length * 3 <= maxPayload) return;
    const size = Buffer.byteLength(text);
    if (size <= maxPayload) return;
    const cause = new PayloadError(path, size, maxPayload);
    throw new SerializationError(path, `must be at most ${maxPayload} bytes as text, got ${size}`, { cause });
  }

  /** @throws {SerializationError} for a key of the context that is too large */
  checkKey(key: string, text: string): void {
    this.check(key + text, fieldOf(key));
  }

  /** An entry that says so. @throws {SerializationError} for what cannot be saved, or is too large */
  entryOf(happening: Ended, common: Execution & Changes, isOwn: boolean): NodeEntry {
    switch (happening.type) {
      case 'completed': {
        const { output, action, arcs, passed, recoveredBy } = happening;
        if (action !== undefined) this.check(action, 'action');
        return {
          type: 'completed',
          ...common,
          output: output === undefined ? undefined : this.write(output, 'happening.output'),
          action,
          ...this.handle.replica.numbering.writeArcs(
            arcs,
            passed.map(([arc, value]) => [arc, this.write(value, 'passed')] as const),
          ),
          recoveredBy,
        };
      }
      case 'failed': {
        const error = this.writeError(happening.error);
        const { attempts } = happening.error;
        return {
          type: 'failed',
          ...common,
          error,
          ...(happening.isLost ? { isLost: true } : {}),
          ...(isOwn && attempts !== common.attempt ? { tried: attempts } : {}),
        };
      }
      case 'postponed': {
        const { delay, consumed } = happening;
        return { type: 'retrying', ...common, error: this.writeError(happening.error), delay, consumed };
      }
      case 'awaiting':
        return { type: 'awaiting', ...common, waits: happening.waits };
    }
  }
}
