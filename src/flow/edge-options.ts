import { aName, anObjectOf, aValue, invalid, isPlainObject, type Reader } from '../shared/validate.js';
import type { Context } from './run/result.js';

/**
 * The options of `flow.edge(source, target, options)`: when the edge is followed, and which value it passes on. All
 * of them are optional.
 */
export interface EdgeOptions<State extends object = Context, Action extends string = string> {
  /**
   * The action that the source must choose for the edge to be followed. An edge without an action is followed if no
   * edge of the source has the chosen action. Default: none.
   */
  readonly action?: Action | undefined;
  /**
   * A condition for following the edge: an expression, or a function of the source's output. The result must be a
   * boolean. Default: no condition.
   */
  // biome-ignore lint/suspicious/noExplicitAny: outputs are not followed by types
  readonly condition?: string | ((output: any, more: EdgeArgs<State>) => boolean | Promise<boolean>) | undefined;
  /**
   * The value that the target gets instead of the source's output: an expression, or a function of the output. Default:
   * the output itself.
   */
  // biome-ignore lint/suspicious/noExplicitAny: outputs are not followed by types
  readonly transform?: string | ((output: any, more: EdgeArgs<State>) => unknown) | undefined;
}

/**
 * The second argument of an edge's `condition` and `transform` functions. The first argument is the source's output.
 */
export interface EdgeArgs<State extends object = Context> {
  /** The action that the source chose; `undefined` if it chose no action. */
  readonly action: string | undefined;
  /** The context of the run. */
  readonly context: State;
}

/**
 * The predecessors of a node, as its option `after` names them:
 *
 * - an id: `after: 'fetch'`;
 * - several ids: `after: ['fetch', 'check']`;
 * - an object by id, for edges with options of their own. The value is the action that the edge has, or `true` for an
 *   edge without an action, or the options of the edge: `after: { check: 'ok', fetch: { condition: 'output.total > 0' } }`.
 */
export type After = string | readonly string[] | Readonly<Record<string, string | true | EdgeOptions | undefined>>;

/**
 * The options of a node that say what it follows. All of them are optional: edges can also be added by `flow.edge`.
 */
export interface AfterOptions {
  /** The predecessors of the node, which must have been added before. An edge leads from each. Default: none. */
  readonly after?: After | undefined;
  /** The condition of the edges that `after` makes, except for edges with a condition of their own. Default: none. */
  readonly condition?: EdgeOptions['condition'];
  /**
   * The transform of the edges that `after` makes, except for edges with a transform of their own. Default: the outputs
   * are passed on.
   */
  readonly transform?: EdgeOptions['transform'];
}

/** An edge that `after` makes. */
export interface EdgeBefore {
  readonly source: string;
  readonly options: EdgeOptions;
}

const aTextOrFunction: Reader = aValue(
  'an expression (a non-empty string) or a function',
  (value) => typeof value === 'function' || (typeof value === 'string' && value !== ''),
);
export const readEdgeOptions = anObjectOf<EdgeOptions>({
  action: aName,
  condition: aTextOrFunction,
  transform: aTextOrFunction,
});
/** Reads `after` as a list of edges. */
const anAfter: Reader<readonly EdgeBefore[]> = (value, field) => {
  if (Array.isArray(value)) return distinct(value, field).map((source) => ({ source, options: {} }));
  if (!isPlainObject(value)) return [{ source: aName(value, field), options: {} }];
  const given = Object.entries(value).filter(([, way]) => way !== undefined);
  if (given.length === 0) throw invalid(field, 'an object with at least one node', value);
  return given.map(([source, way]) => ({ source, options: readWay(way, `${field}.${source}`) }));
};
export const afterReaders = { after: anAfter, condition: aTextOrFunction, transform: aTextOrFunction };

function distinct(ids: readonly unknown[], field: string): readonly string[] {
  const read = ids.map((id, index) => aName(id, `${field}[${index}]`));
  if (read.length === 0) throw invalid(field, 'a list of at least one node', ids);
  const twice = read.find((id, index) => read.indexOf(id) !== index);
  if (twice !== undefined) throw invalid(field, `a list of different nodes, without "${twice}" twice`, ids);
  return read;
}

function readWay(way: unknown, field: string): EdgeOptions {
  if (way === true) return {};
  if (typeof way === 'string') return { action: aName(way, field) };
  if (isPlainObject(way)) return readEdgeOptions(way, field);
  throw invalid(field, 'an action (a non-empty string), true, or the options of an edge', way);
}

/** The options that say what a node follows, after validation. */
export interface ReadAfter extends Omit<AfterOptions, 'after'> {
  readonly after?: readonly EdgeBefore[] | undefined;
}

/**
 * Returns the edges to a node.
 *
 * @throws {ValidationError} if the node has a condition or a transform, but no `after`
 */
export function edgesBefore(id: string, { after, condition, transform }: ReadAfter): readonly EdgeBefore[] {
  const beside = { condition, transform };
  if (after !== undefined) return after.map(({ source, options }) => ({ source, options: { ...beside, ...options } }));
  for (const [name, value] of Object.entries(beside)) {
    if (value !== undefined) throw invalid(`${name} of "${id}"`, 'left out, because the node has no after', value);
  }
  return [];
}
