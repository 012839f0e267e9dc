import { TimeoutError } from '../../kernel/errors.js';
import { currentScope } from '../../kernel/scope/process.js';
import { checkedBy } from '../../shared/schema-check.js';
import type { StandardSchema } from '../../shared/standard-schema.js';
import type { NodeExecutionResult, NodeExecutor } from '../contracts.js';
import { NodeError } from '../errors.js';
import { timedOut } from '../plan/waits.js';
import { asFailedWait } from '../run/failed-wait.js';
import type { Waiting } from '../run/result.js';
import { WorkflowState } from '../run/state.js';
import { checkedInTime } from './door.js';

/** A time limit for a wait. */
interface Expiry {
  /** Milliseconds from the start of the wait. */
  readonly timeout: number;
  /** If true, an edge of the node has the action `timeout`. */
  readonly isFollowed: boolean;
}

/** The settings of a wait for an event. */
interface WaitSettings {
  /** The time limit. Default: only the event ends the wait. */
  readonly expiry?: Expiry | undefined;
  /** The schema of the payload, for payloads that were not checked when they were sent. Default: none. */
  readonly schema?: StandardSchema | undefined;
}

/** Executes a node that waits for an event. Called once to begin the wait, and once more when the wait has ended. */
export class WaitExecutor implements NodeExecutor<unknown, unknown> {
  constructor(
    private readonly nodeId: string,
    private readonly event: string,
    private readonly settings: WaitSettings,
  ) {}

  async execute(input: unknown, state = new WorkflowState()): Promise<NodeExecutionResult> {
    const { nodeId, event } = this;
    const { expiry } = this.settings;
    const end = state.memory.delivered.get(nodeId);
    if (end === undefined) {
      const time = expiry === undefined ? undefined : { until: state.clock() + expiry.timeout, expires: true as const };
      return awaiting(state, { nodeId, event, ...time });
    }
    if (end.due === undefined || expiry === undefined) {
      return this.#received(Object.values(end.events)[0], end.unchecked === true);
    }
    if (expiry.isFollowed) return { status: 'success', result: { output: input, action: timedOut } };
    return {
      status: 'failed',
      error: new NodeError(nodeId, 1, asFailedWait(new TimeoutError(nodeId, expiry.timeout))),
    };
  }

  /** Completes the wait. A payload that was not checked when it was sent is checked now. */
  async #received(payload: unknown, isUnchecked: boolean): Promise<NodeExecutionResult> {
    const { schema } = this.settings;
    if (!isUnchecked || schema === undefined) return { status: 'success', result: { output: payload } };
    try {
      const output = await checkedInTime(this.nodeId, {}, checkedBy(schema, payload, `events.${this.event}`));
      return { status: 'success', result: { output } };
    } catch (error) {
      const cancellation = currentScope()?.cancellation;
      if (cancellation?.aborted && cancellation.reason === error) return { status: 'cancelled', error };
      return { status: 'failed', error: new NodeError(this.nodeId, 1, asFailedWait(error)) };
    }
  }
}

/** Executes a node that sleeps. Called once to begin the sleep, and once more when the sleep has ended. */
export class SleepExecutor implements NodeExecutor<unknown, unknown> {
  /** @param until - returns the time at which the sleep ends, given the current time, both in epoch milliseconds */
  constructor(
    private readonly nodeId: string,
    private readonly until: (now: number) => number,
  ) {}

  async execute(input: unknown, state = new WorkflowState()): Promise<NodeExecutionResult> {
    const { nodeId } = this;
    if (state.memory.delivered.has(nodeId)) return { status: 'success', result: { output: input } };
    return awaiting(state, { nodeId, event: nodeId, until: this.until(state.clock()) });
  }
}

function awaiting({ waitsSince: since }: WorkflowState, wait: Waiting): NodeExecutionResult {
  return { status: 'awaiting', awaiting: [since === undefined ? wait : { ...wait, since }] };
}
