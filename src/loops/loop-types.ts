import type { LoopNodeClass, LoopNodeConfig, NodeData } from './node.js';
import type { Done, Idle, Routed } from './outcomes.js';

/*
 * Types that follow the values of a loop from node to node. A value of type `any` or `unknown` is not followed, so
 * loops that are built from data, or one statement at a time, are not checked.
 */

/** A node of a loop, as its type: its id, its input, and the value that the nodes after it get. */
export type NodeType = readonly [id: string, takes: unknown, gives: unknown];

/** The input of a node without a type of its own: what the node before it gives. */
// biome-ignore lint/suspicious/noExplicitAny: a value that is not known may be used as anything
export type Taken<Value> = unknown extends Value ? any : Value;

/** The value that a node passes on, without the results that are no values: `idle()`, `done`, and the way of `to`. */
export type Passed<Out> = Out extends Done
  ? never
  : Out extends Idle
    ? Idle extends Out
      ? never
      : Out
    : Out extends Routed<infer Value>
      ? Routed<Value> extends Out
        ? Exclude<Value, undefined>
        : Out
      : Out;

/** A class of nodes with this input and this output. */
export type NodeClassOf<In, Out> = LoopNodeClass & NodeConstructor<In, Out>;

type NodeConstructor<In, Out> = new (config: LoopNodeConfig<never>) => { run(data: NodeData<In>): Out };

/** The value of an iteration that starts with a message, or with an array of messages. */
export type ReadValue<Value, Batch> = Batch extends number ? Value[] : Value;

/** The description of a node that does not take the value that it gets; `never` if it does. */
export type Mistake<Id extends string, Value, In, Source extends string = 'the node before it'> = [Value] extends [In]
  ? never
  : `"${Id}" does not take what ${Source} gives`;

/**
 * A node for the check of edges. The input of a function without a declared parameter is not known, because its type
 * comes from the node before it in the chain.
 */
export type NodeOf<Id, Value, In, Out> = readonly [Id, Declared<Value, In>, Out];

// biome-ignore lint/suspicious/noExplicitAny: the input is not known
type Declared<Value, In> = [In] extends [Value] ? ([Value] extends [In] ? any : In) : In;

/** The target of an edge, or a description of the mistake if the target does not take what the source gives. */
export type TargetOf<Nodes extends NodeType, Source extends string, Target extends string> = [
  Taken<Known<Nodes, Source>[2]>,
] extends [Known<Nodes, Target>[1]]
  ? Target
  : `"${Target}" does not take what "${Source}" gives`;

/** The node with an id, or a node of any types if the id or the node is not known. */
type Known<Nodes extends NodeType, Id extends string> = string extends Id
  ? AnyNode
  : [Extract<Nodes, readonly [Id, unknown, unknown]>] extends [never]
    ? AnyNode
    : Extract<Nodes, readonly [Id, unknown, unknown]>;

// biome-ignore lint/suspicious/noExplicitAny: nothing is known of the node
type AnyNode = readonly [id: string, takes: any, gives: any];
