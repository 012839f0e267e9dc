import { randomUUID } from 'node:crypto';
import { captured } from '../../kernel/instrumentation.js';
import { newIncarnation } from '../journal/incarnation.js';
import { publish } from '../run/publishing.js';
import type { RunStatus } from '../run-info.js';
import type { KnownWorkflow } from '../workflows/workflows.js';
import { begin, type StartedRun } from './begin.js';
import type { Payloads } from './payloads.js';
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
    const { id: runId = randomUUID(), delay = 0, priority = 0, timeout, retention = this.retention } = start;
    const { engine, workflows } = this.runs;
    const workflow = await this.#workflowOf(start);
    const { id: flow, version, graph } = workflow;
    const values = this.payloads.encodeContext(start.context ?? {});
    const carrier = captured();
    const input = this.payloads.encode(start.input, 'input');
    const incarnation = newIncarnation();
    // Version 0.7 also builds job ids from the epoch.
    const snapshot = { flow, version, runId, input, values, carrier, graph, passed: {}, epoch: incarnation };
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

  async #workflowOf({ workflow, version }: Start): Promise<KnownWorkflow> {
    const { catalogue, workflows } = this.runs;
    if (workflow !== undefined && typeof workflow !== 'string') return workflows.of(workflow, 'workflow');
    return catalogue.get(workflow ?? workflows.first?.id ?? '', version);
  }
}
