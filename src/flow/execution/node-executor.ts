import { type Definition, isSeen, perform } from '../../kernel/actions/action.js';
import { type Answers, answeredBy, performFor } from '../../kernel/actions/answers.js';
import { type Core, currentScope, enter, processOf } from '../../kernel/scope/process.js';
import { run } from '../../kernel/scope/run.js';
import type { NodeDefinition } from '../blueprint.js';
import type { NodeExecutionResult, NodeExecutor } from '../contracts.js';
import { NodeError } from '../errors.js';
import { ActionResult } from '../node-result.js';
import type { Waiting } from '../run/result.js';
import { WorkflowState } from '../run/state.js';
import { type CallSettings, NodeCall, settingsOf } from './node-call.js';
import type { VisitLimit } from './visit-limit.js';

/** The return value of a task whose node waits for an event or for a point in time. */
export class Suspension {
  constructor(readonly awaiting: readonly Waiting[]) {}
}

/** Executes a node as a task, with the node's policies. */
export class TaskExecutor implements NodeExecutor<unknown, unknown> {
  constructor(
    private readonly definition: Definition,
    private readonly node: NodeDefinition,
    private readonly limit: VisitLimit,
    private readonly settings: CallSettings,
  ) {}

  execute(input: unknown, state = new WorkflowState(), visit = 1): Promise<NodeExecutionResult> {
    const { definition, node } = this;
    const settings = settingsOf(state) ?? this.settings;
    const tooOften = this.limit.failureAt(visit, settings);
    if (tooOften !== undefined) return Promise.resolve(tooOften);
    const call = new NodeCall(node, input, state, visit, settings, undefined, state.data.takeView(node.id));
    call.attempt = state.attempts?.made ?? 0;
    const args = [input, isSeen(definition.core) ? call.args : call];
    const isHere = call.own === undefined && isInProcess(definition.core);
    if (!isHere) return answeredBy(performApart(definition, args, call), call, answers);
    const performed = performFor(definition, args, call, answers);
    return performed instanceof Promise ? performed : Promise.resolve(performed);
  }
}

const answers: Answers<NodeCall, NodeExecutionResult> = { succeeded, failed: failure };

/** Performs a task in its own process, or within the surrounding process but with its own context. */
function performApart(definition: Definition, args: unknown[], call: NodeCall): Promise<unknown> {
  const work = () => perform(definition, args);
  return inProcess(definition.core, call.state, call.own === undefined ? work : () => within(call, work));
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
