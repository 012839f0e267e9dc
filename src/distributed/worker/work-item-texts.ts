import { SerializationError } from '../../flow/index.js';
import {
  type Changes,
  type Entry,
  type Failure,
  type InNode,
  type OfRun,
  plainError,
  type RunHappening,
  type SavedRun,
} from '../../flow/run/index.js';
import { cut } from '../../shared/text.js';
import { PayloadError } from '../errors.js';
import type { Execution, NodeEntry } from '../journal/entry.js';
import type { RunHandle } from '../run/run-handle.js';

/** Maximum number of characters of a key that a message quotes. */
const longestKey = 100;

/** Returns the name of a context key for messages. */
export function fieldOf(key: string): string {
  return `context.${cut(key, longestKey)}`;
}

/** An event that ends an execution: the node completed, failed, will be retried, or waits. */
export type Ended = Exclude<
  RunHappening,
  InNode<unknown, SavedRun, Entry> | OfRun<unknown> | { readonly type: 'delivered' }
>;

/** Encodes the values of an execution as texts, and checks their size. */
export class WorkItemTexts {
  /** @param maxPayload - the maximum size of a text, in bytes */
  constructor(
    private readonly handle: RunHandle,
    private readonly maxPayload: number,
  ) {}

  /**
   * Encodes an error. An error that cannot be serialized or is too large is reduced to its name and a short message.
   */
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
      // A custom serializer may refuse even the plain error.
      return codec.encode(`${plain.name}: ${plain.message}`);
    }
  }

  /**
   * Encodes a value.
   *
   * @throws {SerializationError} for a value that cannot be serialized or is too large; the node fails with this
   *   error
   */
  write(value: unknown, path: string): string {
    const text = this.handle.codec.encode(value, path);
    this.check(text, path);
    return text;
  }

  check(text: string, path: string): void {
    const { maxPayload } = this;
    // A UTF-16 code unit takes at most three bytes in UTF-8.
    if (text.length * 3 <= maxPayload) return;
    const size = Buffer.byteLength(text);
    if (size <= maxPayload) return;
    const cause = new PayloadError(path, size, maxPayload);
    throw new SerializationError(path, `must be at most ${maxPayload} bytes as text, got ${size}`, { cause });
  }

  /**
   * Checks the size of a context key with its value.
   *
   * @throws {SerializationError} if the size is too large
   */
  checkKey(key: string, text: string): void {
    this.check(key + text, fieldOf(key));
  }

  /**
   * Builds the journal entry for the end of an execution.
   *
   * @param isOwn - if true, the entry is about the node that is being executed. If false, it is about a node that a
   *   fallback replaces
   * @throws {SerializationError} for a value that cannot be serialized or is too large
   */
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
