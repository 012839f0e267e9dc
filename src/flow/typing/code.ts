import type { FlowNode, Node, NodeArgs, Unchosen } from '../node.js';
import type { ActionResult } from '../node-result.js';

/*
 * What the types of a node's code reveal: the input that it takes, and the output and the actions that it gives. Where
 * they reveal nothing, the result is `any`, or `string` for actions.
 */

// biome-ignore lint/suspicious/noExplicitAny: stands for types that are not known
export type Any = any;

export type IsAny<Type> = 0 extends 1 & Type ? true : false;

/** The type of the input that the code of a node takes: `unknown` if the code takes any input, or none. */
export type TakenBy<Code> = [Code] extends [never] ? unknown : TakenByKnown<Code>;

type TakenByKnown<Code> =
  Code extends FlowNode<Any, infer Types>
    ? IsAny<Types['input']> extends true
      ? unknown
      : Types['input']
    : Code extends Node | (new () => Node)
      ? unknown
      : Code extends (input: infer Input, ...more: Any) => unknown
        ? Input
        : unknown;

/**
 * The type of the results of a node with this code, after awaiting. An output that comes with an action is an
 * `ActionResult`.
 */
export type ResultOf<Code> = [Code] extends [never] ? Any : ResultOfKnown<Code>;

type ResultOfKnown<Code> =
  Code extends FlowNode<Any, infer Types>
    ? Types['output'] | ActionResult<Types['output']>
    : Code extends Node
      ? ResultOfPhases<Code>
      : Code extends new () => infer Instance
        ? Instance extends Node
          ? ResultOfPhases<Instance>
          : Any
        : Code extends (...args: Any) => infer Returned
          ? Awaited<Returned>
          : Any;

type ResultOfPhases<Instance extends Node> = ChosenWith<
  Awaited<ReturnType<Instance['exec']>>,
  Awaited<ReturnType<Instance['post']>>
>;

/** The result of a class: the output of `exec`, with what `post` returns. */
type ChosenWith<Output, Returned> =
  IsSame<Returned, Unchosen> extends true
    ? Output
    : IsAny<Returned> extends true
      ? Any
      : unknown extends Returned
        ? Any
        : Returned extends ActionResult
          ? Returned
          : Returned extends string
            ? ActionResult<Output, Returned>
            : Output;

/** Distinguishes even types that are assignable to each other. */
type IsSame<One, Other> =
  (<Type>() => Type extends One ? 1 : 2) extends <Type>() => Type extends Other ? 1 : 2 ? true : false;

/** The outputs among results. */
export type OutputOf<Result> = Result extends ActionResult<infer Output> ? Output : Result;

/** The outputs that come with an action, or all outputs if the types show none that does. */
export type OutputWith<Result, Action> =
  IsAny<Result> extends true ? Any : [With<Result, Action>] extends [never] ? OutputOf<Result> : With<Result, Action>;

type With<Result, Action> =
  Result extends ActionResult<infer Output, infer Chosen>
    ? Action extends Chosen
      ? Output
      : Chosen extends Action
        ? Output
        : never
    : never;

/** The actions that a node with these results may choose: `string` for any action, `never` for none. */
export type ActionsOf<Result> = unknown extends Result
  ? string
  : Result extends ActionResult<Any, infer Action>
    ? Action
    : never;

/** The actions that the code may choose. A class without its own `post` may choose any, through a class behind it. */
export type ChosenBy<Code> = Code extends Node
  ? ChosenAfter<Code>
  : Code extends new () => infer Instance
    ? Instance extends Node
      ? ChosenAfter<Instance>
      : string
    : ActionsOf<ResultOf<Code>>;

type ChosenAfter<Instance extends Node> = ChosenIn<Awaited<ReturnType<Instance['post']>>>;
type ChosenIn<Returned> = unknown extends Returned
  ? string
  : Returned extends ActionResult<Any, infer Action>
    ? Action
    : Returned extends string
      ? Returned
      : never;

/** Returns `true` if the code can be a node of a flow with this context. */
export type IsCode<Code, State extends object> = Code extends (input: Any, args: NodeArgs<State>) => unknown
  ? true
  : Code extends FlowNode | Node | (new () => Node)
    ? true
    : Code extends { readonly exec: unknown; readonly successors: unknown }
      ? true
      : false;
