import { isPlainObject } from '../../shared/validate.js';
import type { InputMapping } from '../blueprint.js';
import type { Context } from '../run/result.js';
import type { Evaluator, Expression } from './expression.js';

/** Reads a value from a context. */
export type Source = (context: Context, params: Readonly<Record<string, unknown>>) => unknown;

/** Tests if an id belongs to a node whose output may be in the context. */
export type IsNode = (id: string) => boolean;

/** The variables that input expressions may refer to. */
const variables = ['context', 'params'];

/** A path of keys that consist of letters of any script, digits, `_`, `$` and `-`. */
const plainPath = /^[\p{L}\p{M}\p{N}_$-]+(\.[\p{L}\p{M}\p{N}_$-]+)*$/u;

/**
 * Compiles an input mapping. Each source is a key of the context, a path that starts with such a key, or an expression
 * over `context` and `params`. Because node ids and keys may contain dots, a path starts with the longest matching node
 * id, or else with the longest matching key of the context.
 *
 * @param isNode - tests if an id belongs to a node whose output may be in the context
 * @throws {ExpressionError} if a source is none of these
 */
export function sourceFrom(mapping: InputMapping, evaluator: Evaluator, isNode: IsNode): Source {
  if (typeof mapping === 'string') return oneSource(mapping, evaluator, isNode);
  const sources = Object.entries(mapping).map(([key, source]) => [key, oneSource(source, evaluator, isNode)] as const);
  return (context, params) => Object.fromEntries(sources.map(([key, source]) => [key, source(context, params)]));
}

function oneSource(source: string, evaluator: Evaluator, isNode: IsNode): Source {
  const read = readerOf(source, evaluator, isNode);
  return (context, params) => (Object.hasOwn(context, source) ? context[source] : read(context, params));
}

function readerOf(source: string, evaluator: Evaluator, isNode: IsNode): Source {
  if (isNode(source)) return () => undefined;
  const ofNode = splits(source).find(([id, rest]) => isNode(id) && plainPath.test(rest));
  if (ofNode !== undefined) return along(...ofNode);
  if (!plainPath.test(source)) {
    const expression: Expression = evaluator.parse(source, variables);
    return (context, params) => expression({ context, params });
  }
  const keyed = splits(source);
  const path = source.split('.');
  return (context, params) => {
    const ofKey = keyed.find(([key]) => Object.hasOwn(context, key));
    return ofKey === undefined ? valueAt({ context, params }, path) : along(...ofKey)(context, params);
  };
}

/** Splits a source at each of its dots into a key and the remaining path. The pair with the longest key comes first. */
function splits(source: string): (readonly [key: string, rest: string])[] {
  const found: (readonly [string, string])[] = [];
  for (let at = source.lastIndexOf('.'); at > 0; at = source.lastIndexOf('.', at - 1)) {
    found.push([source.slice(0, at), source.slice(at + 1)]);
  }
  return found;
}

function along(key: string, rest: string): Source {
  const path = rest.split('.');
  return (context) => (Object.hasOwn(context, key) ? valueAt(context[key], path) : undefined);
}

/** Follows a path through own properties of plain objects and arrays. Returns `undefined` if a value is missing. */
function valueAt(from: unknown, path: readonly string[]): unknown {
  let value = from;
  for (const key of path) {
    if (!(isPlainObject(value) || Array.isArray(value)) || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
