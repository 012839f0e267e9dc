import { createHash } from 'node:crypto';
import type { Codec } from '../../shared/codec.js';
import { SerializationError } from '../../shared/serialization-error.js';
import type { Memory } from './memory.js';

/** Returns a digest of a payload as text, by which an event that is sent again is recognised. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/** Returns the digest of a payload, or `undefined` if the payload cannot be written as text. */
export function digestIn(codec: Codec, payload: unknown): string | undefined {
  try {
    return digestOf(codec.encode(payload));
  } catch (error) {
    if (error instanceof SerializationError) return undefined;
    throw error;
  }
}

/**
 * Returns true if an event that no wait can take is one that the run has received: the last wait for the event has ended
 * by an equal payload. Events have no identity of their own, so an event with another payload is another event.
 *
 * @param digest - the digest of the payload as it was sent; `undefined` if the payload cannot be written as text
 */
export function isSentAgain(
  { awaiting, delivered, received }: Memory<unknown, unknown, unknown>,
  event: string,
  digest: string | undefined,
): boolean {
  if ([...awaiting.values()].flat().some((wait) => wait.event === event)) return false;
  const last = received.get(event);
  if (last !== undefined) return last === digest;
  // Runs saved by versions up to 0.12 have no digests.
  return [...delivered.values()].some(({ events }) => Object.hasOwn(events, event));
}
