import type { Any, IsAny, IsCode, TakenBy } from './code.js';
import type { EdgesFrom, EdgesTo, Field, NodeOf, OutputsOf } from './known.js';

/*
 * Checks of what the author writes. A check gives the type of the argument if the argument fits, and otherwise a type
 * that says what does not fit: the compiler shows it in the first line of its message, at the argument.
 */

/** Checks that the code of a node takes the input that the node gets. */
export type FittingCode<Id, Code, State extends object, Input> =
  IsOpen<Code> extends true ? Code : FittingKnownCode<Id, Code, State, Input>;

/**
 * Returns `true` while the compiler looks for the types of the parameters of a function, for which `Code` stands for
 * anything that can be code.
 */
// biome-ignore lint/complexity/noBannedTypes: as in `NodeCode`
type IsOpen<Code> = [Function] extends [Code] ? true : false;

type FittingKnownCode<Id, Code, State extends object, Input> =
  IsCode<Code, State> extends true
    ? Takes<TakenBy<Code>, Input> extends true
      ? Code
      : { node: Id; takes: TakenBy<Code>; gets: Input }
    : { node: Id; needs: 'a function, an action, a class that extends Node, or a flow'; context: State };

/** Checks that the worker of a batch takes the elements of the input. */
export type FittingWorker<Id, Code, State extends object, Input> =
  IsAny<Input> extends true
    ? FittingCode<Id, Code, State, Any>
    : IsOpen<Code> extends true
      ? Code
      : Input extends readonly (infer Item)[]
        ? FittingCode<Id, Code, State, Item>
        : { node: Id; takes: 'an array'; gets: Input };

type Takes<Taken, Input> = IsAny<Input> extends true ? true : [Input] extends [Taken] ? true : false;

/**
 * Checks that the target of an edge may take the value that the edge passes on. An edge that leads back passes on the
 * value itself. Another edge does the same if it is the only one; if not, the target gets an object of all values.
 *
 * Types do not see edges that are added later, and edges were not checked in former versions. So a value is refused only
 * if it cannot fit; `FittingCode` is stricter.
 */
export type FittingTarget<Nodes, Ids extends string, Source extends string, Target extends string, Passed> =
  NodeOf<Nodes, Target> extends { readonly takes: infer Taken }
    ? MayBe<Passed, Taken> extends true
      ? IsBesideOthers<Nodes, Source, Target> extends true
        ? IsPart<Ids, Taken, Source, Passed> extends true
          ? Target
          : { node: Target; takes: Taken; gets: All<Nodes, Target, Source, Passed> }
        : Target
      : IsPart<Ids, Taken, Source, Passed> extends true
        ? Target
        : { node: Target; takes: Taken; gets: Passed }
    : Target;

/** Returns `true` if a value of one type may be of the other type. */
type MayBe<Value, Wanted> = [unknown] extends [Value | Wanted]
  ? true
  : [Value] extends [Wanted]
    ? true
    : true extends MayBeOne<Value, Wanted>
      ? true
      : false;

type MayBeOne<Value, Wanted> = Value extends unknown
  ? Wanted extends unknown
    ? Overlaps<Value, Wanted>
    : never
  : never;

type Overlaps<Value, Wanted> = [Value] extends [Wanted]
  ? true
  : [Wanted] extends [Value]
    ? true
    : Value extends readonly (infer Item)[]
      ? Wanted extends readonly (infer Other)[]
        ? MayBe<Item, Other>
        : false
      : [Value, Wanted] extends [object, object]
        ? false extends { [Key in keyof Value & keyof Wanted]: MayBe<Value[Key], Wanted[Key]> }[keyof Value &
            keyof Wanted]
          ? false
          : true
        : false;

/** Returns `true` if the target may take an object, by node id, that has the value under the id of the source. */
type IsPart<Ids, Taken, Source extends string, Passed> = unknown extends Taken
  ? true
  : Source extends keyof Taken
    ? MayBe<Passed, Taken[Source]>
    : [keyof Taken] extends [never]
      ? false
      : [keyof Taken] extends [Ids]
        ? true
        : false;

type All<Nodes, Target extends string, Source extends string, Passed> = {
  [Id in Source | Extract<Field<EdgesTo<Nodes, Target>, 'source'>, string>]: Id extends Source
    ? Passed
    : OutputsOf<Nodes, Id>;
};

/** Returns `true` if the target has an `after`, and the edge does not lead back. */
type IsBesideOthers<Nodes, Source, Target> =
  true extends Field<EdgesTo<Nodes, Target>, 'after'>
    ? LeadsTo<Nodes, Target, Source> extends true
      ? false
      : true
    : false;

/** Returns `true` if edges that types know lead from one node to another. */
type LeadsTo<Nodes, From, To, Seen = never> = [From] extends [never]
  ? false
  : To extends From
    ? true
    : LeadsTo<Nodes, Exclude<TargetsOf<Nodes, From>, From | Seen>, To, Seen | From>;

type TargetsOf<Nodes, Sources> = Sources extends string ? Field<EdgesFrom<Nodes, Sources>, 'target'> : never;
