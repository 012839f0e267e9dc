import { keyOf } from '../../journal/job-id.js';
import { type RunStatus, runStatuses } from '../../run-info.js';

/**
 * The names of keys. All keys of one run share a hash tag, and all keys of the index share another: on a cluster each
 * script finds its keys on one node. Ids of users stand in keys as `keyOf` writes them, and else in values only.
 */
export class Keys {
  readonly #index: string;
  /** By workflow. */
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

  /** Of runs in process. */
  checkpoint(runId: string): string {
    return this.#of(runId, 'checkpoint');
  }

  checkpointEntries(runId: string): string {
    return this.#of(runId, 'checkpoint-entries');
  }

  /** The number of the snapshot, and when it was saved. */
  checkpointState(runId: string): string {
    return this.#of(runId, 'checkpoint-state');
  }

  checkpointHold(runId: string): string {
    return this.#of(runId, 'checkpoint-hold');
  }

  /** All that there may be of a run. */
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

  /** The blueprints of workflows. */
  get workflows(): string {
    return `${this.#index}:workflows`;
  }

  /** The order in which workflows were first put. */
  get workflowOrder(): string {
    return `${this.#index}:workflow-order`;
  }

  /** Where changes of status are told of. */
  get channel(): string {
    return `${this.#index}:status`;
  }

  /** Where runs are found: all, those of a workflow, those of a status, or both. */
  listOf(workflow: string | undefined, status: RunStatus | undefined): string {
    const ofWorkflow = workflow === undefined ? '' : `:workflow:${keyOf(workflow)}`;
    return `${this.#index}:runs${ofWorkflow}${status === undefined ? '' : `:${status}`}`;
  }

  /** The keys of the index that a run of a workflow may be in. */
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
