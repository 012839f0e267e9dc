import type { SchemaInput, SchemaOutput, StandardSchema } from '../../shared/standard-schema.js';
import type { ContinueOptions, FlowTypes, RunOptions } from '../node.js';
import type { ActionResult } from '../node-result.js';
import type { CompletedResult, Context, UncompletedResult, WorkflowResult } from '../run/result.js';
import type { IsUnion } from './after.js';
import type { ActionsOf, Any, IsAny, OutputOf } from './code.js';
import type { Field, ResultsBy } from './known.js';

/*
 * What a flow takes and gives as a whole, from its schemas and from its nodes. The nodes are known well enough once one
 * of them says what it follows (`after`); without, outputs are `any`.
 */

/**
 * The type of the input of a node without `after`: that of the run for the first node of the flow. A later one may be a start
 * node, too, or the target of an edge.
 */
export type StartInput<Ids extends string, Options> = [Ids] extends [never] ? Given<InputIn<Options>> : Any;

type InputIn<Options> = Options extends { readonly input: infer Schema extends AnySchema } ? SchemaOutput<Schema> : Any;

/** The type of the payload with which a wait for the event goes on. */
export type Payload<Options, Event> = Options extends { readonly events: infer Schemas }
  ? Event extends keyof Schemas
    ? Schemas[Event] extends AnySchema
      ? Given<SchemaOutput<Schemas[Event]>>
      : Any
    : Any
  : Any;

/** The type that a schema names. `any` if the schema does not say its types. */
type Given<Type> = [Type] extends [never] ? Any : Type;

type AnySchema = StandardSchema<unknown, unknown>;

/** The types that a flow carries to runtimes, fleets and surrounding flows. */
export interface TypesOf<Nodes, Ids extends string, Options> {
  readonly input: Options extends { readonly input: infer Schema extends AnySchema } ? Given<SchemaInput<Schema>> : Any;
  readonly events: EventsOf<Options>;
  readonly output: OutputOfFlow<Nodes, Ids, Options>;
  readonly certain: IsTyped<Nodes, Ids> extends true ? CertainOutputs<Nodes> : Any;
  readonly outputs: IsTyped<Nodes, Ids> extends true ? Outputs<Nodes> : Any;
}

type EventsOf<Options> = Options extends { readonly events: infer Schemas extends Readonly<Record<string, AnySchema>> }
  ? { readonly [Event in keyof Schemas]: Given<SchemaInput<Schemas[Event]>> }
  : Any;

type IsTyped<Nodes, Ids extends string> = string extends Ids
  ? false
  : [Extract<Nodes, { readonly after: true }>] extends [never]
    ? false
    : true;

type OutputOfFlow<Nodes, Ids extends string, Options> = Options extends {
  readonly output: infer Schema extends AnySchema;
}
  ? Given<SchemaOutput<Schema>>
  : IsTyped<Nodes, Ids> extends true
    ? Together<Nodes, EndsOf<Nodes>>
    : Any;

/*
 * What follows goes through the nodes once, and asks about each by its id alone, so that large flows stay cheap.
 */

/** The records of the nodes whose ids are known. */
type NodesIn<Member> = Member extends { readonly id: infer Id } ? (string extends Id ? never : Member) : never;

/** The known ids in a field of the records. */
type IdsIn<Member, Name extends string> = Member extends { readonly [Key in Name]: infer Id extends string }
  ? string extends Id
    ? never
    : Id
  : never;

type OutputBy<Nodes, Node> = OutputOf<ResultsBy<Nodes, Node>>;

/**
 * The output of a run: that of its last node. Types cannot tell which of several possible last nodes are executed, so
 * the output is that of one of them, or an object of the outputs of some.
 */
type Together<Nodes, Ends> =
  IsUnion<IdsIn<Ends, 'id'>> extends true
    ? OutputBy<Nodes, Ends> | { readonly [End in Ends as IdsIn<End, 'id'>]?: OutputBy<Nodes, End> }
    : OutputBy<Nodes, Ends>;

/** The records of the nodes that may be the last ones of a run. */
type EndsOf<Nodes> = EndBy<
  Nodes,
  NodesIn<Nodes>,
  WaysOf<Nodes>,
  IdsIn<Extract<Nodes, { readonly always: true }>, 'source'>,
  IdsIn<Nodes, 'standIn'>,
  IdsIn<Nodes, 'source'>
>;

type EndBy<Nodes, Node, Ways extends Readonly<Record<string, unknown>>, Leading, StandIns, Sources> = Node extends {
  readonly id: infer Id extends string;
  readonly labels: infer Labels;
}
  ? LeadsOn<Id extends Leading ? Ways[Id] : never, Labels, ResultsBy<Nodes, Node>> extends true
    ? never
    : Id extends StandIns
      ? Id extends Sources
        ? Node
        : never
      : Node
  : never;

/** The actions of the edges without a condition, by the id of their source. `undefined`: an edge without an action. */
type WaysOf<Nodes> = {
  [Edge in Extract<Nodes, { readonly always: true }> as IdsIn<Edge, 'source'>]: Field<Edge, 'action'>;
};

/** Returns `true` if an edge of the node is followed whenever it completes. */
type LeadsOn<Ways, Labels, Results> =
  IsPlainBy<Labels, Results> extends true
    ? undefined extends Ways
      ? true
      : false
    : [Exclude<Results, ActionResult<Any, string>>] extends [never]
      ? string extends ActionsOf<Results>
        ? false
        : [ActionsOf<Results>] extends [Ways]
          ? true
          : false
      : false;

type IsPlainBy<Labels, Results> = [Labels] extends [never] ? true : [ActionsOf<Results>] extends [never] ? true : false;

/** The outputs of the nodes by id. */
type Outputs<Nodes> = { readonly [Node in NodesIn<Nodes> as IdsIn<Node, 'id'>]?: OutputBy<Nodes, Node> };

/** The outputs of the nodes that are executed in every completed run. */
type CertainOutputs<Nodes> = {
  readonly [Node in CertainIn<
    Nodes,
    IdsIn<Nodes, 'standIn'>,
    IdsIn<Nodes, 'target'>,
    IdsIn<Extract<Nodes, { readonly after: true }>, 'target'>
  > as IdsIn<Node, 'id'>]: OutputBy<Nodes, Node>;
};

/** The nodes of which `IsCertain` is true. */
type CertainIn<Member, StandIns, Targets, Placed> = Member extends { readonly id: infer Id; readonly certain: true }
  ? Id extends StandIns
    ? never
    : Id extends Placed
      ? Member
      : Id extends Targets
        ? never
        : Member
  : never;

/**
 * The result of a run. Its `status` tells if the run has completed: then the output is there, and so are the outputs of
 * the nodes that every completed run executes.
 */
export type RunResult<State extends object, Types extends FlowTypes> =
  IsAny<Types['output']> extends true
    ? IsAny<Types['outputs']> extends true
      ? WorkflowResult<State>
      : TypedResult<State, Types>
    : TypedResult<State, Types>;

type TypedResult<State extends object, Types extends FlowTypes> =
  | CompletedResult<ContextWith<State, Types['certain'] & Types['outputs']>, Types['output']>
  | UncompletedResult<ContextWith<State, Types['outputs']>, Types['output'] | undefined>;

/** The context of a run, with the outputs of nodes. A key that the context declares keeps the declared type. */
type ContextWith<State extends object, Outputs> =
  IsAny<Outputs> extends true ? State : unknown extends State ? Outputs & Context : State & Omit<Outputs, keyof State>;

/** The result of `flow.run`: the type that the author of the flow has set, or else the one that follows from its nodes. */
export type ResultOfFlow<State extends object, Result, Types extends FlowTypes> = [Result] extends [
  WorkflowResult<State>,
]
  ? [WorkflowResult<State>] extends [Result]
    ? RunResult<State, Types>
    : Result
  : Result;

/** The options of a run with the input that the flow's schema accepts. */
export type TypedRunOptions<Types extends FlowTypes> = RunOptions & { readonly input?: Types['input'] | undefined };

/** The options of a continued run with the payloads that the flow's schemas accept. */
export type TypedContinueOptions<Types extends FlowTypes> = ContinueOptions & {
  readonly events?: Partial<Types['events']> | undefined;
};
