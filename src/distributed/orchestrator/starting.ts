import { checkedInTime } from '../../flow/execution/index.js';
import { captured } from '../../kernel/hooks/instrumentation.js';
import { checkedBy } from '../../shared/schema-check.js';
import { newIncarnation } from '../journal/incarnation.js';
import type { Payloads } from '../run/payloads.js';
import { publish } from '../run/publishing.js';
import type { RunStatus } from '../run-info.js';
import type { KnownWorkflow } from '../workflows/workflows.js';
import { begin, type StartedRun } from './begin.js';
import type { Runs } from './runs.js';
import type { Start } from './start-options.js';

/** Starts runs. Builds the first record and the first snapshot of each run. */
export class Starting {
  /** @param retention - the default retention of runs, in milliseconds; `undefined` keeps them forever */
  constructor(
    private readonly runs: Runs,
    private readonly payloads: Payloads,
    private readonly retention: number | undefined,
  ) {}

  async start(start: Start): Promise<StartedRun> {
    const { id, delay = 0, priority = 0, timeout, retention = this.retention } = start;
    const { workflows } = this.runs;
    const workflow = await this.#workflowOf(start);
    const { id: flow, version, graph } = workflow;
    const checked = await checkedInTime(flow, { timeout }, this.#checked(workflow, start.input));
    const values = this.payloads.encodeContext(start.context ?? {});
    const carrier = captured();
    const input = this.payloads.encode(checked, 'input');
    const { engine, runId } = await this.runs.placeFor(id);
    const incarnation = newIncarnation();
    // Version 0.7 also builds job ids from the epoch.
    const common = { flow, version, runId, input, values, carrier, graph, passed: {}, epoch: incarnation };
    const isUnchecked = !workflow.hasCode && workflow.schemas.input !== undefined;
    const snapshot = isUnchecked ? { ...common, unchecked: true as const } : common;
    const status: RunStatus = delay > 0 ? 'scheduled' : 'running';
    const record = {
      runId,
      incarnation,
      workflow: flow,
      version,
      status,
      priority,
      retention,
      output: undefined,
      error: undefined,
    };
    if (workflow.hasCode) await publish(engine, workflow);
    const limit = timeout === Infinity ? undefined : timeout;
    return begin(engine, workflows.codec, { workflow, record, delay, timeout: limit, snapshot });
  }

  /**
   * Returns the input as the schema of the workflow returns it. The JSON Schema of a workflow without code refuses what
   * is clearly wrong; the schema itself is then applied by the first worker.
   */
  async #checked({ schemas, hasCode }: KnownWorkflow, input: unknown): Promise<unknown> {
    if (schemas.input === undefined) return input;
    const checked = await checkedBy(schemas.input, input, 'input');
    return hasCode ? checked : input;
  }

  async #workflowOf({ workflow, version }: Start): Promise<KnownWorkflow> {
    const { catalogue, workflows } = this.runs;
    if (workflow !== undefined && typeof workflow !== 'string') return workflows.of(workflow, 'workflow');
    return catalogue.get(workflow ?? workflows.first?.id ?? '', version);
  }
}
