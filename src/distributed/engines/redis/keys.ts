import { keyOf } from '../../journal/job-id.js';
import { type RunStatus, runStatuses } from '../../run-info.js';

/**
 * The names of Redis keys. All keys of a run share one hash tag, and all keys of the index share another, so that each
 * script finds its keys on a single node of a cluster. User-supplied ids are part of key names only in the form that
 * `keyOf` returns.
 */
export class Keys {
  readonly #index: string;
  /** Results of `listsOf`, by workflow. */
  readonly #lists = new Map<string, readonly string[]>();

  constructor(private readonly prefix: string) {
    this.#index = `{${prefix}}`;
  }

  run(runId: string): string {
    return this.#of(runId, 'run');
  }

  journal(runId: string): string {
    return this.#of(runId, 'journal');
  }

  snapshot(runId: string): string {
    return this.#of(runId, 'snapshot');
  }

  slots(runId: string): string {
    return this.#of(runId, 'slots');
  }

  crashes(runId: string): string {
    return this.#of(runId, 'crashes');
  }

  states(runId: string): string {
    return this.#of(runId, 'states');
  }

  /** The snapshot of a flow run that is saved through this engine. */
  checkpoint(runId: string): string {
    return this.#of(runId, 'checkpoint');
  }

  checkpointEntries(runId: string): string {
    return this.#of(runId, 'checkpoint-entries');
  }

  /** The number of the snapshot and the time at which it was saved. */
  checkpointState(runId: string): string {
    return this.#of(runId, 'checkpoint-state');
  }

  checkpointHold(runId: string): string {
    return this.#of(runId, 'checkpoint-hold');
  }

  /** Returns all keys that may exist for a run of the fleet. */
  allOf(runId: string): string[] {
    return ['run', 'journal', 'snapshot', 'slots', 'crashes', 'states'].map((part) => this.#of(runId, part));
  }

  get checkpoints(): string {
    return `${this.#index}:checkpoints`;
  }

  get reports(): string {
    return `${this.#index}:workers`;
  }

  get beats(): string {
    return `${this.#index}:beats`;
  }

  get expiring(): string {
    return `${this.#index}:expiring`;
  }

  /** Blueprints of workflows. */
  get workflows(): string {
    return `${this.#index}:workflows`;
  }

  /** Workflows in the order in which they were first stored. */
  get workflowOrder(): string {
    return `${this.#index}:workflow-order`;
  }

  /** The channel on which changes of status are published. */
  get channel(): string {
    return `${this.#index}:status`;
  }

  /** Returns the list of all runs, or of the runs with a given workflow, a given status, or both. */
  listOf(workflow: string | undefined, status: RunStatus | undefined): string {
    const ofWorkflow = workflow === undefined ? '' : `:workflow:${keyOf(workflow)}`;
    return `${this.#index}:runs${ofWorkflow}${status === undefined ? '' : `:${status}`}`;
  }

  /** Returns all lists of the index that may contain a run of a workflow. */
  listsOf(workflow: string): readonly string[] {
    const known = this.#lists.get(workflow);
    if (known !== undefined) return known;
    const byStatus = runStatuses.flatMap((status) => [this.listOf(undefined, status), this.listOf(workflow, status)]);
    const lists = [this.listOf(undefined, undefined), this.listOf(workflow, undefined), this.expiring, ...byStatus];
    this.#lists.set(workflow, lists);
    return lists;
  }

  #of(runId: string, part: string): string {
    return `{${this.prefix}:${keyOf(runId)}}:${part}`;
  }
}
