import { kindOf } from '../../shared/errors.js';
import { cleaned, isClean } from '../../shared/text.js';
import { messageOf, SerializationError } from '../errors.js';
import { DefaultSerializer, type Serializer } from './serializer.js';

/** Begins a text that was escaped. */
const mark = 'escaped:';

/**
 * A serializer of somebody's own, with what all that works with it relies on:
 *
 * - Whatever it throws, and whatever it gives instead of a text, comes out as a `SerializationError` without a path.
 * - Its texts have no NUL and no half of a surrogate pair, which databases refuse or change: such a text is escaped, and is
 *   given back to it as it was.
 */
export function checked(serializer: Serializer): Serializer {
  const isDefault = Object.getPrototypeOf(serializer) === DefaultSerializer.prototype;
  return isDefault || serializer instanceof CheckedSerializer ? serializer : new CheckedSerializer(serializer);
}

class CheckedSerializer implements Serializer {
  constructor(private readonly own: Serializer) {}

  serialize(value: unknown): string {
    const text = this.#ask('saved', () => this.own.serialize(value));
    if (typeof text !== 'string') {
      // A promise of one that is asynchronous by mistake may reject, with nobody to hear it.
      void Promise.resolve(text).catch(() => undefined);
      throw new SerializationError('', `cannot be saved: the serializer gave ${kindOf(text)}, expected a string`);
    }
    return isClean(text) && !text.startsWith(mark) ? text : mark + JSON.stringify(text);
  }

  deserialize(text: string): unknown {
    return this.#ask('read', () => {
      return this.own.deserialize(text.startsWith(mark) ? JSON.parse(text.slice(mark.length)) : text);
    });
  }

  #ask<Answer>(purpose: 'saved' | 'read', work: () => Answer): Answer {
    try {
      return work();
    } catch (cause) {
      if (isSerializationError(cause)) throw cause;
      throw new SerializationError(
        '',
        `cannot be ${purpose}: the serializer threw: ${cleaned(messageOf(cause), longestReason)}`,
        { cause },
      );
    }
  }
}

/** How many characters of a reason a message has. */
const longestReason = 500;

/** Anything may be thrown, also what throws when it is looked at. */
function isSerializationError(thrown: unknown): boolean {
  try {
    return thrown instanceof SerializationError;
  } catch {
    return false;
  }
}
