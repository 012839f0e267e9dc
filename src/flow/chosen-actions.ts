import type { FlowNode, Node } from './node.js';
import type { ActionResult } from './node-result.js';

/*
 * Which actions nodes choose, as far as types can tell: what the edges of a builder are checked against. A node that may
 * choose any, or none, is not known here, so its edges may have any.
 */

// biome-ignore lint/suspicious/noExplicitAny: what a node returns beside its action does not matter
type Any = any;

/** The actions that a node with this implementation may choose; `string` for any, `never` for none. */
export type ActionsOf<Implementation> = Implementation extends FlowNode
  ? string
  : Implementation extends Node
    ? PostActions<Implementation>
    : Implementation extends new () => infer Instance
      ? Instance extends Node
        ? PostActions<Instance>
        : string
      : Implementation extends (...args: Any) => infer Returned
        ? ChosenBy<Awaited<Returned>>
        : string;

type PostActions<Instance extends Node> = ChosenBy<Awaited<ReturnType<Instance['post']>>, string>;

/** @typeParam Names - what is an action by itself */
type ChosenBy<Returned, Names = never> = unknown extends Returned
  ? string
  : Returned extends Names & string
    ? Returned
    : Returned extends ActionResult<Any, infer Action>
      ? Action
      : never;

/**
 * What a builder knows of a node: its id and its actions; nothing where it cannot tell. What a fallback chooses is chosen
 * for the node too.
 */
export type Known<Id extends string, Actions extends string, Fallback extends string> = string extends Id
  ? never
  : [Actions] extends [never]
    ? never
    : string extends Actions
      ? never
      : [Fallback] extends [never]
        ? readonly [id: Id, action: Actions]
        : never;

/** The same for a wait or a sleep: edges from it have no actions. */
export type ChoosesNothing<Id extends string> = string extends Id ? never : readonly [id: Id, action: never];

/** The actions that edges of a node may have. */
export type ActionsFrom<Nodes extends readonly [string, string], Source extends string> = string extends Source
  ? string
  : Source extends unknown
    ? [Extract<Nodes, readonly [Source, string]>] extends [never]
      ? string
      : Extract<Nodes, readonly [Source, string]>[1]
    : never;
