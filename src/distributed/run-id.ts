import type { FlowTypes, RunResult, UnknownTypes } from '../flow/index.js';
import type { RunInfo, RunStatus } from './run-info.js';

declare const typesOfRun: unique symbol;

/**
 * The id of a run, as `startRun` returns it: a string whose type knows the flow of the run. So `waitForCompletion`, `run`
 * and `result` know the type of the output, and `signal` knows those of the payloads. For a flow that reveals no types, and
 * for an id that was stored in between, it is a plain `string`.
 *
 * @typeParam Types - the types of the flow
 */
export type RunId<Types extends FlowTypes = UnknownTypes> = string & { readonly [typesOfRun]?: Types };

/** The type of the id of a run of a flow: a plain `string` if the flow reveals no types. */
export type IdOf<Types extends FlowTypes> =
  IsAny<Types['output']> extends true ? (IsAny<Types['events']> extends true ? string : RunId<Types>) : RunId<Types>;

/** The record of a run that has ended, whose `status` tells if there is an output. */
export type EndedRun<Output> = CompletedRun<Output> | UncompletedRun;

/** The record of a run that has completed. */
export interface CompletedRun<Output = unknown> extends RunInfo<Output> {
  readonly status: 'completed';
}

/** The record of a run that has not completed, and therefore has no output. */
export interface UncompletedRun extends RunInfo<undefined> {
  readonly status: Exclude<RunStatus, 'completed'>;
}

/** The result of a run with this id, in the form that `flow.run` returns. */
export type ResultOfRun<Types extends FlowTypes> = RunResult<object, Types>;

/** The payload of an event of a run. */
export type PayloadOf<Id, Event> = Id extends { readonly [typesOfRun]?: infer Types }
  ? NonNullable<Types> extends { readonly events: infer Events }
    ? IsAny<Events> extends true
      ? unknown
      : Event extends keyof Events
        ? Events[Event]
        : unknown
    : unknown
  : unknown;

type IsAny<Type> = 0 extends 1 & Type ? true : false;
