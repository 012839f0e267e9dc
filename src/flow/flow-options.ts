import { ofNode, type PolicyOptions, policyReaders, readWithoutDefaults } from '../kernel/policies/policy.js';
import { aSchema } from '../shared/schema-check.js';
import type { StandardSchema } from '../shared/standard-schema.js';
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
import { type AfterOptions, afterReaders, type ReadAfter } from './edge-options.js';
import { aJoinStrategy, anInputMapping, aWaitTimeout } from './plan/check.js';

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
  /**
   * Schema of the input of the start nodes, of any library that implements Standard Schema. Default: any input is
   * accepted.
   */
  readonly input?: StandardSchema | undefined;
  /** Schemas of the payloads of events, by event name. Default: any payload is accepted. */
  readonly events?: Readonly<Record<string, StandardSchema>> | undefined;
  /** Schema of the output of the flow. Default: any output is accepted. */
  readonly output?: StandardSchema | undefined;
}

/**
 * The options of `flow.node(id, implementation, options)`: the policies of the node (retry, timeout, limit), and its
 * place in the graph. All of them are optional.
 */
export interface NodeOptions extends WorkOptions, AfterOptions {}

/** The options of a node except those that say what it follows. */
// biome-ignore lint/suspicious/noExplicitAny: a fallback takes the same parameters as the node
export interface WorkOptions extends PolicyOptions<any[]> {
  /**
   * If set to `none`, only the policies in these options apply, without the defaults of the orchestrator or of the
   * action. Use it for a node that is a flow or that calls actions, because these have their own policies. Default:
   * policies that these options leave out are inherited.
   */
  readonly policies?: 'none' | undefined;
  /**
   * The condition under which the node becomes ready: after `all` of its predecessors, after the first (`any`), only if
   * each of them has completed (`allCompleted`), after each of them has ended, even by a failure (`settled`), or if one
   * of them has failed (`failed`). `JoinStrategy` describes each of them. Default: `all`.
   */
  readonly joinStrategy?: JoinStrategy | undefined;
  /** Id of the node that runs instead if this node fails. The fallback may be declared later. Default: none. */
  readonly fallback?: string | undefined;
  /**
   * The maximum number of visits in one run: a whole number of at least 1, or Infinity. Default: the flow's
   * `maxVisits`.
   */
  readonly maxVisits?: number | undefined;
  /**
   * If true, a fleet may begin the next node before the end of this node is committed, and commits both in one call. If
   * the worker dies in between, this node is executed again. For nodes that read, compute or set a value. The end still
   * counts once. In process and in runs with a checkpoint, the option has no effect. Default: false.
   */
  readonly repeatable?: boolean | undefined;
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
 * The options of `flow.batch(id, worker, options)`: the items, how many of them are handled in parallel, and the
 * policies of the node. All of them are optional.
 */
export interface BatchOptions extends BatchWorkOptions, AfterOptions {}

/** The options of a batch except those that say what it follows. */
export interface BatchWorkOptions extends Omit<WorkOptions, 'outputs'> {
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
export interface WaitOptions extends WaitSettings, AfterOptions {}

/** The options of a wait except those that say what it follows. */
export interface WaitSettings extends Pick<WorkOptions, 'joinStrategy' | 'maxVisits'> {
  /** Name of the event, as passed to `continue` in `events`. Default: the id of the node. */
  readonly event?: string | undefined;
  /**
   * Maximum length of the wait in milliseconds, counted from the start of the node: a finite number greater than 0. When
   * the wait expires, the edges with the action `timeout` are followed, and the output of the node is its input. Without
   * such an edge, the node fails with a `TimeoutError`. Default: no limit.
   */
  readonly timeout?: number | undefined;
}

/**
 * The options of `flow.sleep(id, options)`: the end of the sleep, as either a `duration` or a point in time (`until`).
 * Exactly one of the two is required.
 */
export interface SleepOptions extends SleepSettings, AfterOptions {}

/** The options of a sleep except those that say what it follows. */
export interface SleepSettings extends Pick<WorkOptions, 'joinStrategy' | 'maxVisits'> {
  /** Length of the sleep in milliseconds, counted from the start of the node. */
  readonly duration?: number | undefined;
  /** Time at which the sleep ends, in epoch milliseconds. */
  readonly until?: number | undefined;
}

/** The options of a node after validation, with policies in the form in which they are stored. */
export type ReadNodeOptions = Omit<WorkOptions, 'outputs' | 'params'> & ReadAfter;

type Read<Options extends AfterOptions> = Omit<Options, 'after'> & ReadAfter;

const someParams = aValue<Record<string, unknown>>('a plain object', isPlainObject);
const placing = { joinStrategy: aJoinStrategy, maxVisits: aConcurrency, ...afterReaders };
const working = {
  ...policyReaders,
  policies: readWithoutDefaults,
  ...placing,
  fallback: aName,
  repeatable: aBoolean,
  inputs: anInputMapping,
  params: someParams,
};

const someFunctions: Reader = (value, field) => {
  if (!isPlainObject(value)) throw invalid(field, 'an object of functions', value);
  for (const [key, merge] of Object.entries(value)) aFunction(merge, `${field}.${key}`);
  return value;
};
const someSchemas: Reader = (value, field) => {
  if (!isPlainObject(value)) throw invalid(field, 'an object of schemas by event name', value);
  for (const [event, schema] of Object.entries(value)) aSchema(schema, `${field}.${event}`);
  return value;
};
export const readFlowOptions = anObjectOf<FlowOptions>({
  version: aName,
  maxVisits: aConcurrency,
  params: someParams,
  merge: someFunctions,
  input: aSchema,
  events: someSchemas,
  output: aSchema,
});
const refused = ['fallbackOn', 'share'];
export const readNodeOptions = ofNode(
  refused,
  anObjectOf<NodeOptions, Read<NodeOptions>>({ ...working, outputs: anInputMapping }),
);
export const readBatchOptions = ofNode(
  refused,
  anObjectOf<BatchOptions, Read<BatchOptions>>({
    ...working,
    items: aName,
    concurrency: aConcurrency,
    failFast: aBoolean,
  }),
);
export const readWaitOptions = anObjectOf<WaitOptions, Read<WaitOptions>>({
  ...placing,
  event: aName,
  timeout: aWaitTimeout,
});
export const readSleepOptions = anObjectOf<SleepOptions, Read<SleepOptions>>({
  ...placing,
  duration: aFinite,
  until: aFinite,
});
