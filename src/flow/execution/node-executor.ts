import { type Definition, isSeen, perform } from '../../kernel/action.js';
import { type Core, currentScope, enter, processOf } from '../../kernel/process.js';
import { run } from '../../kernel/run.js';
import type { NodeDefinition } from '../blueprint.js';
import type { NodeExecutionResult, NodeExecutor } from '../contracts.js';
import { NodeError, VisitsError } from '../errors.js';
import { ActionResult } from '../node-result.js';
import type { Waiting } from '../run/result.js';
import { WorkflowState } from '../run/state.js';
import { type CallSettings, NodeCall, settingsOf } from './node-call.js';

/** The return value of a task whose node waits for an event or for a point in time. */
export class Suspension {
  constructor(readonly awaiting: readonly Waiting[]) {}
}

/** The default maximum number of visits of a node in one run. */
const mostVisits = 1_000;

/** Executes a node as a task, with the node's policies. */
export class TaskExecutor implements NodeExecutor<unknown, unknown> {
  constructor(
    private readonly definition: Definition,
    private readonly node: NodeDefinition,
    /** The maximum number of visits as set for the flow. Applies to nodes that do not set their own maximum. */
    private readonly flowMaxVisits: number | undefined,
    private readonly settings: CallSettings,
  ) {}

  execute(input: unknown, state = new WorkflowState(), visit = 1): Promise<NodeExecutionResult> {
    const { definition, node } = this;
    const settings = settingsOf(state) ?? this.settings;
    const { maxVisits = settings.maxVisits ?? this.flowMaxVisits ?? mostVisits } = node.config ?? {};
    if (visit > maxVisits) {
      return Promise.resolve(failed(new NodeError(node.id, 0, new VisitsError(node.id, maxVisits))));
    }
    const call = new NodeCall(node, input, state, visit, settings, undefined, state.data.takeView(node.id));
    call.attempt = state.attempts?.made ?? 0;
    const args = [input, isSeen(definition.core) ? call.args : call];
    const isHere = call.own === undefined && isInProcess(definition.core);
    const performed = isHere ? perform(definition, args) : performApart(definition, args, call);
    return performed.then(
      (returned) => succeeded(returned, call),
      (thrown) => failure(thrown, call),
    );
  }
}

/** Performs a task in its own process, or within the surrounding process but with its own context. */
function performApart(definition: Definition, args: unknown[], call: NodeCall): Promise<unknown> {
  const work = () => perform(definition, args);
  return inProcess(definition.core, call.state, call.own === undefined ? work : () => within(call, work));
}

/** Executes a node that waits for an event or for a point in time. */
export class WaitExecutor implements NodeExecutor<unknown, unknown> {
  /**
   * @param until - returns the time at which the wait ends, given the current time, both in epoch milliseconds.
   *   Default: only the event ends the wait
   */
  constructor(
    private readonly nodeId: string,
    private readonly event: string,
    private readonly until?: (now: number) => number,
  ) {}

  async execute(input: unknown, state = new WorkflowState()): Promise<NodeExecutionResult> {
    const { nodeId, event } = this;
    const events = state.memory.delivered.get(nodeId);
    if (events !== undefined) {
      const output = this.until === undefined ? Object.values(events)[0] : input;
      return { status: 'success', result: { output } };
    }
    const until = this.until?.(state.clock());
    return { status: 'awaiting', awaiting: [until === undefined ? { nodeId, event } : { nodeId, event, until }] };
  }
}

/**
 * Calls `work` in the surrounding process, or, if there is none, in a new process whose state is the context. The
 * promise settles as `work` does, even after an abort, when the process rejects immediately but `work` settles a moment
 * later.
 */
export function inProcess<Result>(
  core: Core,
  state: WorkflowState,
  work: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  return isInProcess(core) ? work() : inOwnProcess(core, state, work, signal);
}

async function inOwnProcess<Result>(
  core: Core,
  state: WorkflowState,
  work: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  let working: Promise<Result> | undefined;
  const noted = () => {
    working = work();
    return working;
  };
  try {
    const options = { name: state.position?.plan.id, id: state.runId, signal };
    return await (run(core, noted, options, state.getContext()) as Promise<Result>);
  } catch (error) {
    if (!signal?.aborted || working === undefined) throw error;
    return working;
  }
}

/** Calls `work` with the given context as the current state, so that code inside `work` sees the node's own view. */
export function within<Result>(part: { readonly context: object }, work: () => Result): Result {
  const outer = currentScope();
  if (outer === undefined) return work();
  return enter({ process: outer.process, cancellation: outer.cancellation, outer, part }, work);
}

function isInProcess(core: Core): boolean {
  return processOf(core, currentScope()) !== undefined;
}

function succeeded(returned: unknown, { attempt }: NodeCall): NodeExecutionResult {
  const attempts = attempt > 1 ? attempt : undefined;
  try {
    if (returned instanceof Suspension) return { status: 'awaiting', awaiting: returned.awaiting };
    if (returned instanceof ActionResult) return { status: 'success', result: returned, attempts };
  } catch {
    // An output that throws when it is inspected, for instance a proxy. Treat it like any other output.
  }
  return { status: 'success', result: { output: returned, action: undefined }, attempts };
}

function failure(thrown: unknown, { nodeId, attempt, postponed }: NodeCall): NodeExecutionResult {
  const cancellation = currentScope()?.cancellation;
  if (cancellation?.aborted && cancellation.reason === thrown) return { status: 'cancelled', error: thrown };
  const error = new NodeError(nodeId, attempt, thrown);
  if (postponed === undefined) return failed(error);
  const { delay, consumed } = postponed;
  return { status: 'postponed', error, delay, consumed };
}

function failed(error: NodeError): NodeExecutionResult {
  return { status: 'failed', error };
}
