import type { Context, FlowNode } from '../../flow/index.js';
import { aLimitUpTo, anObjectOf, aState, aValue, invalid, type Reader } from '../../shared/validate.js';
import { aText } from '../engines/texts.js';
import { aRetention, longestWait } from '../run/options.js';
import { WorkflowCtx } from '../workflows/workflow-ctx.js';

/** The data that a run begins with. */
export type Begun<State extends object> = Partial<State> | WorkflowCtx<Partial<State>>;

/** Settings of a run at its start. */
interface StartSettings {
  /**
   * An id of one's own, at most 500 characters: a run that has it already is not started again, so a start can be
   * repeated (`start` says which it was). It can be used again once its run is deleted. Default: a new UUID.
   */
  readonly id?: string | undefined;
  /** Milliseconds before it starts, up to 100 years (3155760000000): a whole number. Default: 0. */
  readonly delay?: number | undefined;
  /** From 0, which goes first, to 2097151. Default: 0. */
  readonly priority?: number | undefined;
  /**
   * Limit of the run in milliseconds, from its start, up to 100 years; at its end it is cancelled. `null`, 0 or Infinity for
   * none. Default: none.
   */
  readonly timeout?: number | null | undefined;
  /** For how many milliseconds it is kept when it is over. Default: that of the orchestrator, else for ever. */
  readonly retention?: number | undefined;
  /**
   * Of the workflow, where that is an id. Default: the one that the orchestrator was given last, else the one that came to
   * the engine last.
   */
  readonly version?: string | undefined;
}

/** What `startRun` takes besides context and input. */
export interface StartOptions extends StartSettings {
  /** Id of the workflow: one that the orchestrator was given, or whose graph is on the engine. Default: the first given. */
  readonly workflow?: string | undefined;
  /** @deprecated Since 0.9: use `id`. */
  readonly runId?: string | undefined;
}

/** Context, input and settings of a run that `start` begins. */
export interface StartRequest<State extends object = Context> extends StartSettings {
  /** The data that the run begins with: a plain object, or a `WorkflowCtx`. Default: empty. */
  readonly context?: Begun<State> | undefined;
  /** What the nodes get that nothing leads to. Default: undefined. */
  readonly input?: unknown;
}

/** Options as they are read: Infinity for no limit. */
type Limited<Options> = Options & { readonly timeout?: number | undefined };

/** A start as it was asked for, read and checked. */
export interface Start extends StartSettings {
  readonly timeout?: number | undefined;
  /** Default: the first that the orchestrator was given. */
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

/** A start as `startRun` is asked for it. @throws {ValidationError} that names what is wrong */
export function startOf(context: unknown, input: unknown, options: unknown): Start {
  const { runId, ...read } = readStartOptions(options);
  if (runId !== undefined && read.id !== undefined) {
    throw invalid('runId', 'left out: it is the older name of id, which is given', runId);
  }
  return { ...read, id: read.id ?? runId, context: aContext(context, 'context'), input };
}

/** A start as `start` is asked for it. @throws {ValidationError} that names what is wrong */
export function startOfWorkflow(workflow: FlowNode | string, request: unknown): Start {
  const read = readStartRequest(request);
  if (typeof workflow === 'string') return { ...read, workflow: aText(workflow, 'workflow') };
  if (read.version !== undefined) throw invalid('version', 'left out: the flow has its own', read.version);
  return { ...read, workflow };
}
