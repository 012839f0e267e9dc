import { isPlainObject } from '../../validate.js';
import type { InputMapping } from '../blueprint.js';
import type { Context } from '../result.js';
import type { Evaluator, Expression } from './expression.js';

/** Reads a value from a context. */
export type Source = (context: Context, params: Readonly<Record<string, unknown>>) => unknown;

/** What the expressions of inputs may refer to. */
const variables = ['context', 'params'];

const plainPath = /^[\w$-]+(\.[\w$-]+)*$/;

/**
 * How a mapping is read: each source is a key of the context, a path into one, or an expression over `context` and
 * `params`.
 *
 * @throws {ExpressionError} for what is neither
 */
export function sourceFrom(mapping: InputMapping, evaluator: Evaluator): Source {
  if (typeof mapping === 'string') return oneSource(mapping, evaluator);
  const sources = Object.entries(mapping).map(([key, source]) => [key, oneSource(source, evaluator)] as const);
  return (context, params) => Object.fromEntries(sources.map(([key, source]) => [key, source(context, params)]));
}

function oneSource(source: string, evaluator: Evaluator): Source {
  const path = plainPath.test(source) ? source.split('.') : undefined;
  const expression: Expression | undefined = path === undefined ? evaluator.parse(source, variables) : undefined;
  return (context, params) => {
    if (Object.hasOwn(context, source)) return context[source];
    if (path === undefined) return expression?.({ context, params });
    const isNamed = Object.hasOwn(context, path[0] as string);
    return valueAt(isNamed ? context : { context, params }, path);
  };
}

/** Own properties only, of plain objects and arrays; what is not there is undefined. */
function valueAt(from: unknown, path: readonly string[]): unknown {
  let value = from;
  for (const key of path) {
    if (!(isPlainObject(value) || Array.isArray(value)) || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
