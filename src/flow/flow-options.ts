import { type PolicyOptions, policyReaders, readWithoutDefaults } from '../kernel/policy.js';
import {
  aBoolean,
  aConcurrency,
  aFinite,
  aFunction,
  aName,
  anObjectOf,
  aValue,
  invalid,
  isPlainObject,
  type Reader,
} from '../shared/validate.js';
import type { InputMapping, InputSource, JoinStrategy } from './blueprint.js';
import { aJoinStrategy, anInputMapping } from './plan/check.js';
import type { Context } from './run/result.js';

/**
 * Merges a node's change to one context key with the changes that other nodes have committed since the node started.
 * The result must depend only on the three arguments, because a merge may be repeated.
 *
 * @param current - the committed value
 * @param written - the value of the key when the node ended
 * @param base - the value of the key when the node first read it
 * @returns the value to commit
 */
// biome-ignore lint/suspicious/noExplicitAny: each flow decides what its context keys hold
export type MergeFunction = (current: any, written: any, base: any) => unknown;

/**
 * The options of `new Flow(name, options)`: defaults and settings that apply to all runs of the flow. All options are
 * optional.
 */
export interface FlowOptions {
  /**
   * Version of the flow. A checkpoint records the version, and a run can be continued only with the version that it
   * started with. Default: a hash of nodes and edges.
   */
  readonly version?: string | undefined;
  /**
   * The maximum number of visits per node in one run, for nodes without their own `maxVisits`: a whole number of at
   * least 1, or Infinity. Default: 1000.
   */
  readonly maxVisits?: number | undefined;
  /** Parameters that all nodes get in `args.params`: a plain object. Default: none. */
  readonly params?: Record<string, unknown> | undefined;
  /**
   * Merge functions by context key, for keys that several nodes change concurrently. Used on a fleet and in runs with a
   * checkpoint; in other runs, all nodes share one object. Default: arrays keep all elements that were added, objects
   * are merged key by key, and for other values the last commit wins.
   *
   * @example
   * new Flow('count', { merge: { total: (current, written, base) => current + written - base } })
   */
  readonly merge?: Readonly<Record<string, MergeFunction>> | undefined;
}

/**
 * The options of `flow.node(id, implementation, options)`: the policies of the node (retry, timeout, limit), and its
 * place in the graph. All of them are optional.
 */
// biome-ignore lint/suspicious/noExplicitAny: a fallback takes the same parameters as the node
export interface NodeOptions extends PolicyOptions<any[]> {
  /**
   * If set to `none`, only the policies in these options apply, without the defaults of the orchestrator or of the
   * action. Use it for a node that is a flow or that calls actions, because these have their own policies. Default:
   * policies that these options leave out are inherited.
   */
  readonly policies?: 'none' | undefined;
  /**
   * The condition under which the node becomes ready: after `all` of its predecessors, or after the first (`any`).
   * Default: `all`.
   */
  readonly joinStrategy?: JoinStrategy | undefined;
  /** Id of the node that runs instead if this node fails. The fallback may be declared later. Default: none. */
  readonly fallback?: string | undefined;
  /**
   * The maximum number of visits in one run: a whole number of at least 1, or Infinity. Default: the flow's
   * `maxVisits`.
   */
  readonly maxVisits?: number | undefined;
  /** The source of the node's input. Default: the outputs of the nodes that lead to it. */
  readonly inputs?: InputMapping | undefined;
  /**
   * For a sub-flow only: the mapping from the sub-flow's context to the node's output. Default: the sub-flow's output.
   */
  readonly outputs?: InputMapping | undefined;
  /** Parameters that only this node gets in `args.params`: a plain object of JSON data. Default: none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

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
 * The options of `flow.batch(id, worker, options)`: the items, how many of them are handled in parallel, and the
 * policies of the node. All of them are optional.
 */
export interface BatchOptions extends Omit<NodeOptions, 'outputs'> {
  /** The source of the items, which must be an array. Default: the node's input. */
  readonly items?: InputSource | undefined;
  /**
   * The maximum number of items that are handled in parallel: a whole number of at least 1, or Infinity. Default:
   * Infinity.
   */
  readonly concurrency?: number | undefined;
  /**
   * If true, the first failed item ends the batch. Default: false, so that all items are handled before the node fails.
   */
  readonly failFast?: boolean | undefined;
}

/**
 * The options of `flow.wait(id, options)`: the event that ends the wait, and the node's place in the graph. All options
 * are optional.
 */
export interface WaitOptions extends Pick<NodeOptions, 'joinStrategy' | 'maxVisits'> {
  /** Name of the event, as passed to `continue` in `events`. Default: the id of the node. */
  readonly event?: string | undefined;
}

/**
 * The options of `flow.sleep(id, options)`: the end of the sleep, as either a `duration` or a point in time (`until`).
 * Exactly one of the two is required.
 */
export interface SleepOptions extends Pick<NodeOptions, 'joinStrategy' | 'maxVisits'> {
  /** Length of the sleep in milliseconds, counted from the start of the node. */
  readonly duration?: number | undefined;
  /** Time at which the sleep ends, in epoch milliseconds. */
  readonly until?: number | undefined;
}

/** The options of a node after validation, with policies in the form in which they are stored. */
export type ReadNodeOptions = Omit<NodeOptions, 'outputs' | 'params'>;

const someParams = aValue<Record<string, unknown>>('a plain object', isPlainObject);
const aTextOrFunction: Reader = aValue(
  'an expression (a non-empty string) or a function',
  (value) => typeof value === 'function' || (typeof value === 'string' && value !== ''),
);
const placing = { joinStrategy: aJoinStrategy, maxVisits: aConcurrency };
const working = {
  ...policyReaders,
  policies: readWithoutDefaults,
  ...placing,
  fallback: aName,
  inputs: anInputMapping,
  params: someParams,
};

const someFunctions: Reader = (value, field) => {
  if (!isPlainObject(value)) throw invalid(field, 'an object of functions', value);
  for (const [key, merge] of Object.entries(value)) aFunction(merge, `${field}.${key}`);
  return value;
};
export const readFlowOptions = anObjectOf<FlowOptions>({
  version: aName,
  maxVisits: aConcurrency,
  params: someParams,
  merge: someFunctions,
});
export const readNodeOptions = anObjectOf<NodeOptions>({ ...working, outputs: anInputMapping });
export const readBatchOptions = anObjectOf<BatchOptions>({
  ...working,
  items: aName,
  concurrency: aConcurrency,
  failFast: aBoolean,
});
export const readWaitOptions = anObjectOf<WaitOptions>({ ...placing, event: aName });
export const readSleepOptions = anObjectOf<SleepOptions>({ ...placing, duration: aFinite, until: aFinite });
export const readEdgeOptions = anObjectOf<EdgeOptions>({
  action: aName,
  condition: aTextOrFunction,
  transform: aTextOrFunction,
});
