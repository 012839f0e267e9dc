import type { Engine } from '../../contracts.js';
import { EngineError } from '../../errors.js';
import type { Shard } from './shard.js';

/** A shard that did not answer, or refused to. */
type OnError = (error: Error) => void;

/**
 * Asks all shards at the same time.
 *
 * @param name - the name of the engine that the shards make up
 * @param onError - called with an error for each shard that does not answer; the others' answers are then returned.
 *   Default: the call rejects
 * @returns the answers of the shards that have answered, in the order of the shards
 * @throws {EngineError} if a shard does not answer and `onError` is not given, or if no shard answers
 */
export async function gathered<Answer>(
  name: string,
  shards: readonly Shard[],
  question: (engine: Engine) => Promise<Answer>,
  onError?: OnError,
): Promise<Answer[]> {
  const settled = await Promise.allSettled(shards.map((shard) => shard.ask(question)));
  const errors: Error[] = settled.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
  if (errors.length > 0 && (onError === undefined || errors.length === shards.length))
    throw missing(name, shards, errors);
  for (const error of errors) onError?.(error);
  return settled.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
}

function missing(name: string, shards: readonly Shard[], errors: readonly Error[]): Error {
  const [first] = errors as readonly [Error];
  // A fault of the caller, such as a closed engine, is the same for all shards.
  if (!(first instanceof EngineError)) return first;
  const cause = new AggregateError(errors, errors.map(({ message }) => message).join('; '));
  const problem = `has ${errors.length} of ${shards.length} shards that did not answer (give onError for the others)`;
  return new EngineError(name, problem, { reason: first.reason, cause });
}
