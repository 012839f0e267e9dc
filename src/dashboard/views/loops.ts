import type { DeadLetter, LoopMetrics } from '../../loops/index.js';
import type { DeadLettersView, DeadLetterView, LoopsView } from '../api/index.js';
import type { Redactor } from '../redaction/redactor.js';
import { errorView, valueView } from '../redaction/views.js';
import { aPageSize } from './events.js';
import { numberIn } from './runs.js';
import { loopsOf, type Watched } from './watched.js';

export function loopsView(watched: Watched): LoopsView {
  const loops = loopsOf(watched);
  return {
    status: loops.health().status,
    loops: loops.metrics().loops.map((loop) => withoutSecrets(loop, watched.redactor)),
  };
}

/**
 * Returns the dead letters that match the query, newest first.
 *
 * @throws {ValidationError} if a parameter is not valid
 */
export function deadLettersView(watched: Watched, query: URLSearchParams): DeadLettersView {
  const { deadLetters } = loopsOf(watched);
  const limit = aPageSize(numberIn(query, 'limit') ?? 100, 'limit');
  const letters = deadLetters.list({ loopId: query.get('loop') || undefined });
  const newest = letters.slice(-limit).reverse();
  return {
    letters: newest.map((letter) => letterView(letter, watched.redactor)),
    total: deadLetters.size,
    dropped: deadLetters.dropped,
  };
}

function letterView({ message, value, error, ...letter }: DeadLetter, redactor: Redactor): DeadLetterView {
  return {
    ...letter,
    value: valueView(value, redactor, longestLetter),
    error: errorView(error, redactor),
    ...(message && { queue: message.queue }),
  };
}

function withoutSecrets(loop: LoopMetrics, redactor: Redactor): LoopMetrics {
  const text = (error: string | undefined) => error && redactor.text(error);
  const nodes = loop.nodes.map((node) => ({ ...node, error: text(node.error) }));
  return { ...loop, nodes, error: text(loop.error) };
}

/** Maximum length of a displayed letter, in characters. A page may hold a thousand letters. */
const longestLetter = 8_192;
