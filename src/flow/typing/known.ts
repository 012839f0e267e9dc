import type { ActionsOf, Any, OutputOf } from './code.js';

/*
 * What the types know of a flow is a union of records: one for each node, each edge that they can follow, and each
 * fallback. A call of the builder adds to the union.
 *
 * Whenever the compiler goes through the union, it takes a step for each object type in a record, and passes by records
 * of literals. So records hold few object types, and methods go through the union once (see `around.ts`).
 */

/** A node, as far as types know it. */
export interface KnownNode<
  Id extends string = string,
  Takes = unknown,
  Result = unknown,
  Labels extends string = string,
  Fallback extends string | undefined = string | undefined,
  Certain extends boolean = boolean,
> {
  /** By which `around.ts` finds the record. */
  readonly key: Id;
  readonly id: Id;
  /** The input that its code takes. */
  readonly takes: Takes;
  /** The return type of its code. Outputs that come with an action are `ActionResult`s. */
  readonly result: Result;
  /** The actions that its edges may have. `never`: none. */
  readonly labels: Labels;
  /** Id of its fallback. */
  readonly fallback: Fallback;
  /** If true, the node is executed in every run that completes. */
  readonly certain: Certain;
}

/** An edge, as far as types know it. */
export interface KnownEdge<
  Source extends string = string,
  Target extends string = string,
  Action extends string | undefined = string | undefined,
  IsAlways extends boolean = boolean,
  IsAfter extends boolean = boolean,
> {
  readonly key: Target;
  readonly source: Source;
  readonly target: Target;
  readonly action: Action;
  /** If true, the edge has no condition. */
  readonly always: IsAlways;
  /** If true, the edge was made by the `after` of its target. */
  readonly after: IsAfter;
}

/** A fallback, as far as types know it: its id, and the input of the node that it stands in for. */
export interface KnownFallback<Id extends string = string, Gets = Any> {
  readonly key: Id;
  readonly standIn: Id;
  readonly gets: Gets;
}

/** All records. As the type of a flow's nodes, it stands for a flow of which nothing is known. */
export type Known = KnownNode | KnownEdge | KnownFallback;

export type NodeOf<Nodes, Id> = Extract<Nodes, { readonly id: Id }>;
export type EdgesFrom<Nodes, Source> = Extract<Nodes, { readonly source: Source }>;
export type EdgesTo<Nodes, Target> = Extract<Nodes, { readonly target: Target }>;
/** The records that tell that a node is the fallback of others. */
export type StandInsOf<Nodes, Id> = Extract<Nodes, { readonly standIn: Id }>;

/** The results of a node, together with those of its fallback. `any` if the fallback is not known yet. */
export type ResultsOf<Nodes, Id, Seen = never> = Id extends Seen
  ? never
  : [NodeOf<Nodes, Id>] extends [never]
    ? Any
    : NodeOf<Nodes, Id> extends KnownNode<string, unknown, infer Result, string, infer Fallback>
      ? [Fallback] extends [string]
        ? Result | ResultsOf<Nodes, Fallback, Seen | Id>
        : Result
      : Any;

/** The results of the nodes with these records. */
export type ResultsBy<Nodes, Node> =
  Node extends KnownNode<infer Id, unknown, infer Result, string, infer Fallback>
    ? [Fallback] extends [string]
      ? Result | ResultsOf<Nodes, Fallback, Id>
      : Result
    : never;

/** The output of a node, or of its fallback. */
export type OutputsOf<Nodes, Id> = OutputOf<ResultsOf<Nodes, Id>>;

/** The type of a field, of each record that has it. */
export type Field<Member, Name extends string> = Member extends { readonly [Key in Name]: infer Value } ? Value : never;

/** Returns `true` if a node never chooses an action, neither itself nor through its fallback. */
export type IsPlain<Nodes, Id> = [Field<NodeOf<Nodes, Id>, 'labels'>] extends [never]
  ? true
  : [ActionsOf<ResultsOf<Nodes, Id>>] extends [never]
    ? true
    : false;

/**
 * Returns `true` if a node is executed in every run that completes. A node that stands in for others is executed only if it
 * is needed. A node without `after` that edges lead to may be skipped.
 */
export type IsCertain<Nodes, Id> =
  NodeOf<Nodes, Id> extends { readonly certain: true }
    ? [StandInsOf<Nodes, Id>] extends [never]
      ? true extends Field<EdgesTo<Nodes, Id>, 'after'>
        ? true
        : [EdgesTo<Nodes, Id>] extends [never]
          ? true
          : false
      : false
    : false;

/** The actions that the edges of a node may have. */
export type LabelsOf<Nodes, Source extends string> = string extends Source
  ? string
  : Source extends unknown
    ? NodeOf<Nodes, Source> extends { readonly labels: infer Labels extends string }
      ? Labels
      : string
    : never;
