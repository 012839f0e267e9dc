import type { Context, FlowNode } from '../../flow/index.js';
import { idGiven } from '../../flow/run-options.js';
import { aLimitUpTo, anObjectOf, aState, aValue, invalid, type Reader } from '../../shared/validate.js';
import { aText } from '../engines/texts.js';
import { aRetention, longestWait } from '../run/options.js';
import { WorkflowCtx } from '../workflows/workflow-ctx.js';

/** The initial context of a run. */
export type Begun<State extends object> = Partial<State> | WorkflowCtx<Partial<State>>;

/** The settings that `start` and `startRun` have in common. */
interface StartSettings {
  /**
   * The id of the run, at most 500 characters. If a run with the id already exists, nothing is started, so a start can
   * be repeated. After the run was deleted, the id can be used again. Default: a new UUID.
   */
  readonly id?: string | undefined;
  /** Milliseconds before the run starts: a whole number, up to 100 years (3155760000000). Default: 0. */
  readonly delay?: number | undefined;
  /** The priority: a whole number from 0, which goes first, to 2097151. Default: 0. */
  readonly priority?: number | undefined;
  /**
   * Milliseconds after the start of the run at which the run is cancelled, up to 100 years. `null`, 0 or Infinity for
   * no limit. Default: no limit.
   */
  readonly timeout?: number | null | undefined;
  /**
   * Milliseconds for which the run is kept after it has ended. Default: the orchestrator's `retention`, or else
   * forever.
   */
  readonly retention?: number | undefined;
  /**
   * The version of the workflow, if the workflow is specified by its id. Default: the last version given to the
   * orchestrator, or else the last one stored on the engine.
   */
  readonly version?: string | undefined;
}

/**
 * Options of `DistributedOrchestrator.startRun`: the id and the settings of the run, and the workflow to start if it is
 * not the first one.
 *
 * @example
 * await orchestrator.startRun({ cents: 999 }, undefined, { id: 'order-42', timeout: 60_000, retention: 86_400_000 });
 */
export interface StartOptions extends StartSettings {
  /**
   * The id of a workflow that the orchestrator was given or whose graph is on the engine. Default: the first given
   * workflow.
   */
  readonly workflow?: string | undefined;
  /** @deprecated Since 0.9: use `id`. */
  readonly runId?: string | undefined;
}

/**
 * The second argument of `DistributedOrchestrator.start`: the context, the input and the settings of the run. All
 * fields are optional. Set an `id` to make the start repeatable.
 *
 * @example
 * await orchestrator.start(order, { id: 'order-42', context: { cents: 999 }, delay: 60_000 });
 */
export interface StartRequest<State extends object = Context, Input = unknown> extends StartSettings {
  /** The initial data of the run: a plain object, or a `WorkflowCtx`. Default: empty. */
  readonly context?: Begun<State> | undefined;
  /** The input of the nodes without an incoming edge. Default: undefined. */
  readonly input?: Input | undefined;
}

/** Options that have been read. A `timeout` of Infinity stands for no limit. */
type Limited<Options> = Options & { readonly timeout?: number | undefined };

/** A request to start a run that has been read and checked. */
export interface Start extends StartSettings {
  readonly timeout?: number | undefined;
  /** The flow, or the id of a workflow. Default: the first workflow given to the orchestrator. */
  readonly workflow?: FlowNode | string | undefined;
  readonly context?: object | undefined;
  readonly input?: unknown;
}

const aContext: Reader<object> = (value, field) => aState(value instanceof WorkflowCtx ? value.store : value, field);

const settings = {
  version: aText,
  delay: aValue(
    `a whole number of milliseconds from 0 to ${longestWait} (100 years)`,
    (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= longestWait,
  ),
  priority: aValue(
    'a whole number from 0 to 2097151',
    (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 21,
  ),
  timeout: aLimitUpTo(longestWait, `${longestWait} (100 years)`),
  retention: aRetention,
};

const readStartOptions = anObjectOf<StartOptions, Limited<StartOptions>>({
  id: aText,
  runId: aText,
  workflow: aText,
  ...settings,
});
const readStartRequest = anObjectOf<StartRequest, Limited<StartRequest>>({
  id: aText,
  context: aContext,
  input: (value) => value,
  ...settings,
});

/**
 * Reads the arguments of `startRun`.
 *
 * @throws {ValidationError} for an argument that is unknown or of the wrong kind
 */
export function startOf(context: unknown, input: unknown, options: unknown): Start {
  const { runId, ...read } = readStartOptions(options);
  return { ...read, id: idGiven({ id: read.id, runId }), context: aContext(context, 'context'), input };
}

/**
 * Reads the arguments of `start`.
 *
 * @throws {ValidationError} for an argument that is unknown or of the wrong kind
 */
export function startOfWorkflow(workflow: FlowNode | string, request: unknown): Start {
  const read = readStartRequest(request);
  if (typeof workflow === 'string') return { ...read, workflow: aText(workflow, 'workflow') };
  if (read.version !== undefined) throw invalid('version', 'left out: the flow has its own', read.version);
  return { ...read, workflow };
}
