import { kindOf } from '../../shared/errors.js';
import { SerializationError } from '../../shared/serialization-error.js';
import { DefaultSerializer, type Serializer } from '../../shared/serializer.js';
import { cleaned, isClean } from '../../shared/text.js';
import { messageOf } from '../errors.js';

/** Prefix that marks an escaped text. */
const mark = 'escaped:';

/**
 * Wraps a user's serializer, so that the rest of the flow layer can rely on two guarantees:
 *
 * - If the serializer throws, or returns something other than a string, the caller gets a `SerializationError`
 *   without a path.
 * - The texts contain no NUL and no lone surrogate, which databases refuse or change. A text with such characters is
 *   stored in escaped form, and is unescaped before it is passed to the serializer again.
 *
 * The default serializer needs no wrapper.
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
      // An asynchronous serializer is a mistake. The rejection of its promise is ignored, so that only the error below
      // is reported.
      void Promise.resolve(text).catch(() => undefined);
      throw new SerializationError('', `cannot be saved: the serializer returned ${kindOf(text)}, expected a string`);
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

/** Maximum length of a serializer's message when it is quoted in an error, in characters. */
const longestReason = 500;

/** Tests for a `SerializationError` without throwing, because a thrown value may itself throw when it is inspected. */
function isSerializationError(thrown: unknown): boolean {
  try {
    return thrown instanceof SerializationError;
  } catch {
    return false;
  }
}
