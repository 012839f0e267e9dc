import type { InputMapping } from '../blueprint.js';
import type { EdgeArgs } from '../edge-options.js';
import type { FlowOptions } from '../flow-options.js';
import type { AbstractNode, NodeArgs, NodeClass } from '../node.js';
import type { ActionResult } from '../node-result.js';
import type { Absent, EdgesAt, InputOf, IsAbsent, IsCertainAt, OutputAt, Place, Transformed } from './after.js';
import type { Any, ChosenBy, OutputOf, ResultOf, TakenBy } from './code.js';
import type { KnownFallback, KnownNode } from './known.js';
import type { Payload, StartInput } from './results.js';

/*
 * The types in the signatures of the builder's methods: parameters, and the records that a call adds to the types of
 * the flow.
 */

/** An id that is not yet in use in the flow. */
export type NewId<Id extends string, Ids extends string> = string extends Ids ? Id : Id extends Ids ? never : Id;

/**
 * The code of a node. Gives the parameters of a function their types. `Function` admits functions with parameters of
 * other types, so that `FittingCode` can say what does not fit.
 */
export type NodeCode<State extends object, Input> =
  | ((input: Input, args: NodeArgs<State>) => unknown)
  | NodeClass
  | AbstractNode
  // biome-ignore lint/complexity/noBannedTypes: the only type of all functions that has no signature of its own
  | Function;

export type EdgeCondition<State extends object, Output> =
  | string
  | ((output: Output, more: EdgeArgs<State>) => boolean | Promise<boolean>);

export type EdgeTransform<State extends object, Output> = string | ((output: Output, more: EdgeArgs<State>) => unknown);

/** The options that decide about the edges to a node, with their types. */
export interface Placement<After, Join, Condition, Transform> {
  readonly after?: After | undefined;
  readonly joinStrategy?: Join | undefined;
  readonly condition?: Condition | undefined;
  readonly transform?: Transform | undefined;
}

/** Options without those that a type parameter of the method stands for. */
export type Unmapped<Options> = Omit<Options, 'inputs' | 'outputs' | 'items' | 'fallback' | 'joinStrategy'>;

/** An input mapping, which decides the input of a node in place of its edges. */
export interface Mapped<Inputs extends InputMapping | Absent> {
  readonly inputs?: Inputs | undefined;
}

/** An output mapping, which decides the output of a sub-flow's node in place of the sub-flow's output. */
export interface MappedOut<Outputs extends InputMapping | Absent> {
  /**
   * For a sub-flow only: the mapping from the sub-flow's context to the node's output. Default: the sub-flow's output.
   */
  readonly outputs?: Outputs | undefined;
}

/** The fallback of a node, by its id. */
export interface Falling<Fallback extends string | undefined> {
  readonly fallback?: Fallback | undefined;
}

/** The place of a node, from the options that decide about its input. */
export interface At<After, Join, Inputs = Absent, Condition = Absent, Transform = Absent> extends Place {
  readonly after: After;
  readonly join: Join;
  readonly inputs: Inputs;
  readonly condition: Condition;
  readonly transform: Transform;
}

/**
 * The records of a node and of the edges that its `after` makes. None if the id is not known before the run.
 *
 * A record is made of type parameters alone. Types that the compiler has yet to find would make it keep, in the record, all
 * that they follow from.
 */
type With<
  Ids extends string,
  Placed extends Place,
  Id extends string,
  Gets,
  Takes,
  Result,
  Labels extends string,
  Fallback extends string | undefined,
  Certain extends boolean,
> = string extends Id | Ids
  ? never
  :
      | KnownNode<Id, Takes, Result, Labels, Fallback, Certain>
      | (Fallback extends string ? KnownFallback<Fallback, Gets> : never)
      | EdgesAt<Id, Placed>;

/** The records that `flow.node` adds. */
export type WithNode<
  Nodes,
  Options,
  Ids extends string,
  Id extends string,
  Placed extends Place,
  Code,
  Fallback extends string | undefined,
  Outputs,
> = With<
  Ids,
  Placed,
  Id,
  InputOf<Nodes, Id, StartInput<Ids, Options>, Placed>,
  IsAbsent<Placed['inputs']> extends true ? TakenBy<Code> : Any,
  IsAbsent<Outputs> extends true ? ResultOf<Code> : MappedResult<Outputs>,
  Labels<ChosenBy<Code>, Fallback>,
  Fallback,
  IsCertainAt<Nodes, Placed>
>;

/** The results of a sub-flow with an output mapping. Types do not know what the mapping finds in the context. */
type MappedResult<Outputs> = Outputs extends string ? Any : MappedObject<{ readonly [Key in keyof Outputs]: Any }>;
type MappedObject<Output> = Output | ActionResult<Output>;

/** The value that an edge passes on. */
export type EdgeValue<Nodes, Source, Action, Transform> =
  IsAbsent<Transform> extends true ? OutputAt<Nodes, Source, Action> : Transformed<Transform>;

/** The records that `flow.batch` adds. */
export type WithBatch<
  Nodes,
  Options,
  Ids extends string,
  Id extends string,
  Placed extends Place,
  Code,
  Fallback extends string | undefined,
> = With<
  Ids,
  Placed,
  Id,
  InputOf<Nodes, Id, StartInput<Ids, Options>, Placed>,
  IsAbsent<Placed['inputs']> extends true ? readonly TakenBy<Code>[] : Any,
  OutputOf<ResultOf<Code>>[],
  string,
  Fallback,
  IsCertainAt<Nodes, Placed>
>;

/** The records that `flow.wait` adds. A wait that expires passes on its input, with the action `timeout`. */
export type WithWait<
  Nodes,
  Options,
  Ids extends string,
  Id extends string,
  Placed extends Place,
  Event,
  Timeout,
> = With<
  Ids,
  Placed,
  Id,
  unknown,
  Any,
  IsAbsent<Timeout> extends true
    ? Payload<Options, Event>
    : Payload<Options, Event> | ActionResult<InputOf<Nodes, Id, StartInput<Ids, Options>, Placed>, 'timeout'>,
  'timeout',
  undefined,
  IsCertainAt<Nodes, Placed>
>;

/** The records that `flow.sleep` adds. */
export type WithSleep<Nodes, Options, Ids extends string, Id extends string, Placed extends Place> = With<
  Ids,
  Placed,
  Id,
  unknown,
  unknown,
  InputOf<Nodes, Id, StartInput<Ids, Options>, Placed>,
  never,
  undefined,
  IsCertainAt<Nodes, Placed>
>;

/** The elements of the input of a batch. */
export type ItemOf<Input> = Input extends readonly (infer Item)[] ? Item : Any;

/**
 * The actions that the edges of a node may have. Any action if the node chooses none, because middleware may choose in
 * its place, or if its fallback chooses.
 */
type Labels<Actions extends string, Fallback> = [Actions] extends [never]
  ? string
  : [Fallback] extends [undefined]
    ? Actions
    : string;

/** Refuses options that a flow does not have. */
export type ExactOptions<Options> = { readonly [Unknown in Exclude<keyof Options, keyof FlowOptions>]: never };

/** The first of two options that was given. */
export type Either<One, Other> = IsAbsent<One> extends true ? Other : One;
