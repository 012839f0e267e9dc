import type { FlowNode, Node } from './node.js';
import type { ActionResult } from './node-result.js';

/*
 * The actions that nodes may choose, as far as they can be inferred from the types. A flow checks the actions on its
 * edges against these types. If a node may choose any action, or if its type reveals nothing, its edges may have any
 * action.
 */

// biome-ignore lint/suspicious/noExplicitAny: the output beside the action does not matter
type Any = any;

/** The actions that a node with this implementation may choose: `string` for any action, `never` for none. */
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

/**
 * @typeParam Names - the type of those returned values that are themselves the action: `string` for `post`, `never`
 *   for functions
 */
type ChosenBy<Returned, Names = never> = unknown extends Returned
  ? string
  : Returned extends Names & string
    ? Returned
    : Returned extends ActionResult<Any, infer Action>
      ? Action
      : never;

/**
 * The id and the possible actions of a node, or `never` if the types do not reveal them. The result is also `never` for
 * a node with a fallback, because the fallback chooses actions on behalf of the node.
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

/** Like `Known`, for a wait or a sleep, whose edges cannot have actions. */
export type ChoosesNothing<Id extends string> = string extends Id ? never : readonly [id: Id, action: never];

/** The actions that the edges of a node may have. */
export type ActionsFrom<Nodes extends readonly [string, string], Source extends string> = string extends Source
  ? string
  : Source extends unknown
    ? [Extract<Nodes, readonly [Source, string]>] extends [never]
      ? string
      : Extract<Nodes, readonly [Source, string]>[1]
    : never;
