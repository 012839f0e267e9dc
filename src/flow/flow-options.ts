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
 * Merges what a node has written into what others have committed since it began. It must depend on its arguments alone.
 *
 * @param current - what is committed
 * @param written - what the node has left
 * @param base - what it has found
 */
// biome-ignore lint/suspicious/noExplicitAny: what a key of the context holds is the flow's own
export type MergeFunction = (current: any, written: any, base: any) => unknown;

/** What `new Flow` takes. */
export interface FlowOptions {
  /** Says which blueprint a checkpoint belongs to. Default: a hash of nodes and edges. */
  readonly version?: string | undefined;
  /** How often a node may be visited in one run, where it does not say so itself. Default: 1000. */
  readonly maxVisits?: number | undefined;
  /** Parameters that all nodes see. Default: none. */
  readonly params?: Record<string, unknown> | undefined;
  /**
   * How keys of the context are merged that several nodes have written at the same time, on a fleet and in runs that are
   * saved; in other runs nodes share one object. Default: lists keep all that was added to them, objects are merged by key,
   * else what is committed last holds.
   *
   * @example
   * new Flow('count', { merge: { total: (current, written, base) => current + written - base } })
   */
  readonly merge?: Readonly<Record<string, MergeFunction>> | undefined;
}

/** How a node of a flow is executed. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of a fallback are those of the node
export interface NodeOptions extends PolicyOptions<any[]> {
  /**
   * With `none`, only the policies in these options hold, and no default of the orchestrator or of the action: for a node
   * that is a flow, or calls actions, which have them. Default: what these options leave out is taken from there.
   */
  readonly policies?: 'none' | undefined;
  /** When it is ready: after all nodes that lead to it, or after the first. Default: `all`. */
  readonly joinStrategy?: JoinStrategy | undefined;
  /** The node that stands in for it where it fails. It may be declared later. Default: none. */
  readonly fallback?: string | undefined;
  /** How often it may be visited in one run: a whole number of at least 1. Default: that of the flow. */
  readonly maxVisits?: number | undefined;
  /** Where its input comes from. Default: from the nodes that lead to it. */
  readonly inputs?: InputMapping | undefined;
  /** What its output is made of, for a sub-flow: from the context of that. Default: the sub-flow's output. */
  readonly outputs?: InputMapping | undefined;
  /** Parameters for the node, data. Default: none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** Which edges are followed, and what they pass on. */
export interface EdgeOptions<State extends object = Context, Action extends string = string> {
  /** It is followed where the source chose this action. Default: where no edge has the action that was chosen. */
  readonly action?: Action | undefined;
  /** Has to be true for it to be followed: an expression, or a function of the output. Default: always. */
  // biome-ignore lint/suspicious/noExplicitAny: outputs are not followed by types
  readonly condition?: string | ((output: any, more: EdgeArgs<State>) => boolean | Promise<boolean>) | undefined;
  /** What the target gets instead of the output: an expression, or a function of the output. Default: the output. */
  // biome-ignore lint/suspicious/noExplicitAny: outputs are not followed by types
  readonly transform?: string | ((output: any, more: EdgeArgs<State>) => unknown) | undefined;
}

/** What the functions of an edge get besides the output. */
export interface EdgeArgs<State extends object = Context> {
  readonly action: string | undefined;
  readonly context: State;
}

/** How a batch handles its items. */
export interface BatchOptions extends Omit<NodeOptions, 'outputs'> {
  /** Where the items come from: an array. Default: the node's input. */
  readonly items?: InputSource | undefined;
  /** How many are handled at the same time. Default: Infinity. */
  readonly concurrency?: number | undefined;
  /** Whether the first item that fails ends the batch. Default: false, all are handled before the node fails. */
  readonly failFast?: boolean | undefined;
}

/** What a wait waits for. */
export interface WaitOptions extends Pick<NodeOptions, 'joinStrategy' | 'maxVisits'> {
  /** Name of the event. Default: the id of the node. */
  readonly event?: string | undefined;
}

/** How long a sleep lasts: one of the two. */
export interface SleepOptions extends Pick<NodeOptions, 'joinStrategy' | 'maxVisits'> {
  /** In milliseconds, from when it begins. */
  readonly duration?: number | undefined;
  /** In epoch milliseconds. */
  readonly until?: number | undefined;
}

/** Options as they are stored: policies are read. */
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
