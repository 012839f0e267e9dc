import type { EdgeArgs } from '../edge-options.js';
import type { Any, IsAny, OutputWith } from './code.js';
import type { Field, IsCertain, IsPlain, KnownEdge, LabelsOf, OutputsOf, ResultsOf, StandInsOf } from './known.js';

/*
 * The input of a node and the edges to it, as they follow from its options. The input is typed as `execution/input.ts`
 * makes it at run time.
 */

/** The values of `after` in a flow with the nodes `Ids`. */
export type AfterOf<Ids extends string, Nodes, State extends object> =
  | Ids
  | readonly Ids[]
  | { readonly [Id in Ids]?: Choice<LabelsOf<Nodes, Id>, OutputsOf<Nodes, Id>, State> | undefined };

/** A predecessor in the object form of `after`. */
type Choice<Label extends string, Output, State extends object> = Label | true | Way<Label, Output, State>;

interface Way<Label extends string, Output, State extends object> {
  readonly action?: Label | undefined;
  readonly condition?: string | ((output: Output, more: EdgeArgs<State>) => boolean | Promise<boolean>) | undefined;
  readonly transform?: string | ((output: Output, more: EdgeArgs<State>) => unknown) | undefined;
}

declare const absent: unique symbol;
/** Stands for an option that was left out. */
export interface Absent {
  readonly [absent]: true;
}

/**
 * Returns `true` if an option was left out. The compiler then takes the constraint of its type parameter, of which
 * `Absent` is a member.
 */
export type IsAbsent<Option> = [Absent] extends [Option] ? true : false;

/** The options of a node that decide about its input. Options that were left out include `Absent`. */
export interface Place {
  readonly after: unknown;
  readonly join: unknown;
  readonly inputs: unknown;
  readonly condition: unknown;
  readonly transform: unknown;
}

/** The ids of the predecessors that `after` names. `string` if they are not known. */
export type SourcesOf<After> = After extends string
  ? After
  : After extends readonly (infer Each)[]
    ? number extends After['length']
      ? string
      : Each
    : keyof After;

/** The input of a node. */
export type InputOf<Nodes, Id, Start, At extends Place> =
  IsAbsent<At['inputs']> extends true
    ? IsAbsent<At['after']> extends true
      ? StartOf<Nodes, Id, Start>
      : string extends SourcesOf<At['after']>
        ? Any
        : IsUnion<At['after'] extends string ? At['after'] : never> extends true
          ? Any
          : IsUnion<SourcesOf<At['after']>> extends true
            ? Joined<Nodes, SourcesOf<At['after']>, At>
            : Alone<PassedBy<Nodes, SourcesOf<At['after']>, At>, At['join']>
    : Any;

/** The input of a node without `after`: that of the nodes whose fallback it is, or else that of the run. */
type StartOf<Nodes, Id, Start> = [StandInsOf<Nodes, Id>] extends [never]
  ? Start
  : StandInsOf<Nodes, Id> extends { readonly gets: infer Gets }
    ? Gets
    : Any;

type Alone<Passed, Join> = Join extends 'all' | 'any' ? Passed : Passed | undefined;

/** The input of a node with several predecessors: an object of the values that have arrived, by node id. */
type Joined<Nodes, Sources, At extends Place> = Gathered<ArrivalBy<Nodes, Sources, At>>;

/** A value that comes from a predecessor, in every run if `sure` is true. */
interface Arrival<Id, Value, Sure> {
  readonly id: Id;
  readonly value: Value;
  readonly sure: Sure;
}

type ArrivalBy<Nodes, Sources, At extends Place> = Sources extends string
  ? ArrivalOf<Sources, PassedBy<Nodes, Sources, At>, Arrives<Nodes, Sources, At>>
  : never;

/** Made of type parameters alone, as are the records of nodes. */
type ArrivalOf<Id, Value, Sure> = Sure extends true ? Arrival<Id, Value, true> : Arrival<Id, Value, false>;

type Gathered<Each> = [Extract<Each, { readonly sure: false }>] extends [never]
  ? Values<Each>
  : [Extract<Each, { readonly sure: true }>] extends [never]
    ? Partial<Values<Each>>
    : Flat<Values<Extract<Each, { readonly sure: true }>> & Partial<Values<Extract<Each, { readonly sure: false }>>>>;

type Values<Each> = { readonly [One in Each as Field<One, 'id'> & string]: Field<One, 'value'> };

type Flat<Type> = { [Key in keyof Type]: Type[Key] };

/** Returns `true` if the join waits for the predecessor and the edge from it is always followed. */
type Arrives<Nodes, Id, At extends Place> = At['join'] extends 'all' | 'allCompleted'
  ? IsFollowed<Nodes, Id, At> extends true
    ? IsCertain<Nodes, Id>
    : false
  : false;

type IsFollowed<Nodes, Id, At extends Place> =
  IsAlways<At, Id> extends true ? (ActionAt<At['after'], Id> extends undefined ? IsPlain<Nodes, Id> : false) : false;

/** Returns `true` if a node with this place is executed in every run that completes. */
export type IsCertainAt<Nodes, At extends Place> =
  IsAbsent<At['after']> extends true
    ? true
    : At['join'] extends 'all' | 'any'
      ? true extends CertainBy<Nodes, SourcesOf<At['after']>, At>
        ? true
        : false
      : false;

type CertainBy<Nodes, Sources, At extends Place> = Sources extends string
  ? IsFollowed<Nodes, Sources, At> extends true
    ? IsCertain<Nodes, Sources>
    : false
  : false;

/** The value that the edge from a predecessor passes on. */
type PassedBy<Nodes, Id, At extends Place> =
  WayAt<At['after'], Id> extends { readonly transform: infer Transform }
    ? [Transform] extends [undefined]
      ? PassedBeside<Nodes, Id, At>
      : Transformed<Transform>
    : PassedBeside<Nodes, Id, At>;

type PassedBeside<Nodes, Id, At extends Place> =
  IsAbsent<At['transform']> extends true
    ? OutputAt<Nodes, Id, ActionAt<At['after'], Id>>
    : Transformed<At['transform']>;

/** The value that a transform makes. Types do not know what an expression makes. */
export type Transformed<Transform> =
  IsAny<Transform> extends true ? Any : Transform extends (...args: Any) => infer Value ? Awaited<Value> : Any;

/** The output with which a node follows an edge. */
export type OutputAt<Nodes, Id, Action> = [Action] extends [string]
  ? string extends Action
    ? OutputsOf<Nodes, Id>
    : OutputWith<ResultsOf<Nodes, Id>, Action>
  : OutputsOf<Nodes, Id>;

/** The outputs that `condition` and `transform` beside `after` get. */
export type OutputsAt<Nodes, After> =
  IsAbsent<After> extends true
    ? Any
    : string extends SourcesOf<After>
      ? Any
      : OutputsBy<Nodes, After, SourcesOf<After>>;

type OutputsBy<Nodes, After, Sources> = Sources extends string
  ? OutputAt<Nodes, Sources, ActionAt<After, Sources>>
  : never;

type WayAt<After, Id> = After extends string | readonly unknown[] ? true : Id extends keyof After ? After[Id] : true;

type ActionAt<After, Id> =
  WayAt<After, Id> extends infer Way
    ? Way extends string
      ? Way
      : Way extends { readonly action: infer Action }
        ? Action
        : undefined
    : never;

type IsAlways<At extends Place, Id> =
  IsAbsent<At['condition']> extends true
    ? WayAt<At['after'], Id> extends { readonly condition: infer Condition }
      ? [Condition] extends [undefined]
        ? true
        : false
      : true
    : false;

/** The edges that `after` makes. */
export type EdgesAt<Id extends string, At extends Place> =
  IsAbsent<At['after']> extends true
    ? never
    : string extends Id | SourcesOf<At['after']>
      ? never
      : EdgeBy<Id, At, SourcesOf<At['after']>>;

type EdgeBy<Id extends string, At extends Place, Sources> = Sources extends string
  ? EdgeOf<Sources, Id, ActionAt<At['after'], Sources>, LeadsOnTo<At, Sources>>
  : never;

/** Made of type parameters alone, as are the records of nodes. */
type EdgeOf<Source extends string, Target extends string, Action, Always extends boolean> = [Action] extends [
  string | undefined,
]
  ? KnownEdge<Source, Target, Action, Always, true>
  : never;

/**
 * Like `IsAlways`, but false for a join after failures, which leaves the output of a run as it would be without it, and if the
 * action is one of several.
 */
type LeadsOnTo<At extends Place, Id> = At['join'] extends 'settled' | 'failed'
  ? false
  : IsOne<ActionAt<At['after'], Id>> extends true
    ? IsAlways<At, Id>
    : false;

type IsOne<Action> = string extends Action ? false : IsUnion<Action> extends true ? false : true;

export type IsUnion<Type, Each = Type> = [Type] extends [never]
  ? false
  : Type extends unknown
    ? [Each] extends [Type]
      ? false
      : true
    : never;
